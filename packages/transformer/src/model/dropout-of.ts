import type { HostSpec } from '@tfjs-peft/peft-core';

/** The rates of a host's specification: none where nothing is dropped out. */
export const dropoutOf = (rates: readonly number[]): Pick<HostSpec, 'dropout'> =>
  rates.some((rate) => rate > 0) ? { dropout: rates } : {};
