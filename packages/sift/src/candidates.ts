import { sizeOf } from '@tfjs-peft/peft-core/authoring';
import type { HostTensor } from './choose-tensors.js';
import type { Selection } from './config.js';

/** A tensor and how many of its entries are wanted. */
export interface Wanted {
  readonly tensor: HostTensor;
  readonly count: number;
}

/** How entries are chosen. */
export interface SelectionSettings {
  readonly selection: Selection;
  readonly batches: number;
  readonly scope: 'tensor' | 'all';
  /** Of tables, whole rows. */
  readonly rows: boolean;
}

/** The best entries of a tensor: flat indices, ascending, and their scores. */
export interface Candidates {
  readonly tensor: HostTensor;
  readonly indices: Int32Array;
  readonly scores: Float32Array;
  /** The largest size of the gradient that an entry has; absent where no gradient was asked. */
  readonly largest?: number;
}

/** What is chosen of a tensor: its entries, or the rows of a table; `[how many, entries in each]`. */
export const unitsOf = ({ kind, shape }: HostTensor, rows: boolean): readonly [number, number] =>
  rows && kind === 'table' ? [shape[0]!, shape[1]!] : [sizeOf(shape), 1];

/** Flat indices of all entries of the units. */
export const expandUnits = (units: Int32Array, size: number): Int32Array =>
  size === 1
    ? units
    : Int32Array.from({ length: units.length * size }, (_, i) => units[Math.floor(i / size)]! * size + (i % size));
