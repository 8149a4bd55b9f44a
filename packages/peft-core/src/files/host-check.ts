import { PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';

export const adapterForAnotherHost = (made: { readonly fingerprint: string; readonly name?: string }, host: HostSpec) =>
  new PeftError('ADAPTER_FOR_ANOTHER_HOST', {
    found: `an adapter made for the host with fingerprint ${made.fingerprint}${made.name === undefined ? '' : ` ("${made.name}")`}`,
    expected: `fingerprint ${host.fingerprint} ("${host.name}")`,
    fix: 'use the host that it was trained on; if the weights are the same in another precision, load with `allowOtherHost: true`',
  });
