import type { Adapter } from './adapter.js';
import { compose, composeDefinition } from './compose.js';
import { nearMisses, PeftError } from './errors.js';
import type { PeftMethod } from './method.js';
import { selectNamespaces } from './parameters.js';

/** The methods that a composition is made of, however deeply nested; other wrappers own their parameters and count as one. */
export const leavesOf = (method: PeftMethod): PeftMethod[] =>
  method.type === composeDefinition.type && method.parts ? method.parts.flatMap(leavesOf) : [method];

/**
 * The adapter without some of its parts, by their namespaces (`lora`, `prefix`, `head`), through any wrapper; tensors are shared, so that a
 * part is switched off and on again by choosing which of the two adapters to run. Errors: `PART_UNKNOWN`.
 */
export function disableParts(adapter: Adapter, namespaces: readonly string[]): Adapter {
  const known = adapter.method.namespaces;
  const unknown = namespaces.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new PeftError('PART_UNKNOWN', {
      found: `no part "${unknown}" in an adapter of ${known.join(', ')}`,
      expected: nearMisses(unknown, known)[0] ?? `one of ${known.join(', ')}`,
    });
  const method = without(adapter.method, new Set(namespaces)) ?? compose();
  const left = namespaces.find((name) => method.namespaces.includes(name));
  if (left !== undefined)
    throw new PeftError('PART_UNKNOWN', {
      found: `"${left}" belongs to a wrapper, which cannot work without it`,
      expected: 'parts that are methods of their own',
      fix: 'disable what the wrapper is around',
    });
  return { ...adapter, method, effective: selectNamespaces(adapter.effective, method.namespaces) };
}

/** The adapter with only some of its parts; the counterpart of {@link disableParts}. */
export const selectParts = (adapter: Adapter, namespaces: readonly string[]): Adapter =>
  disableParts(
    adapter,
    plainNamespaces(adapter.method).filter((name) => !namespaces.includes(name)),
  );

/** Those of plain methods; a wrapper's own parameters come and go with it. */
const plainNamespaces = (method: PeftMethod): readonly string[] =>
  method.parts ? method.parts.flatMap(plainNamespaces) : method.namespaces;

function without(method: PeftMethod, disabled: ReadonlySet<string>): PeftMethod | null {
  if (!method.namespaces.some((name) => disabled.has(name))) return method;
  if (!method.parts || !method.withParts) return null;
  const parts = method.parts.map((part) => without(part, disabled)).filter((part) => part !== null);
  return parts.length > 0 ? method.withParts(parts) : null;
}
