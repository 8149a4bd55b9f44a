import { type HostTensors, type HostSpec, sitesOfKind } from '@tfjs-peft/peft-core';
import { sameBits } from './compare.js';
import { requireThat } from './failure.js';

export type HostSnapshot = ReadonlyMap<string, ArrayLike<number>>;

/** All frozen tensors of a host in host memory, by path. */
export async function snapshotHost(host: HostTensors): Promise<HostSnapshot> {
  const entries = pathsOf(host.spec).map(async (path) => [path, (await host.weight(path).data()).slice()] as const);
  return new Map(await Promise.all(entries));
}

/** Errors: a failure that names the first tensor with other bits. */
export async function requireHostUnchanged(host: HostTensors, before: HostSnapshot, what: string): Promise<void> {
  for (const [path, values] of await snapshotHost(host))
    requireThat(sameBits(values, before.get(path)!), `${what} changes the host: "${path}"`);
}

const pathsOf = (host: HostSpec) => sitesOfKind(host, 'tensor').map(({ path }) => path);
