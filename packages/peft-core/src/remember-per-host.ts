import type { HostSpec } from './host-spec.js';

/** The function with its result kept for each host: for what a plan says, which every pass needs. */
export function rememberPerHost<T>(compute: (host: HostSpec) => T): (host: HostSpec) => T {
  const known = new WeakMap<HostSpec, { readonly value: T }>();
  return (host) => {
    const entry = known.get(host) ?? { value: compute(host) };
    known.set(host, entry);
    return entry.value;
  };
}
