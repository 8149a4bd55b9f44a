import type { HostTensor } from './choose-tensors.js';

/** A tensor with its trained entries, and the names of what belongs to it. */
export interface Increment {
  readonly tensor: HostTensor;
  readonly count: number;
  /** `[count]`, the increments. */
  readonly values: string;
  /** `[count]`, int32: their flat indices, ascending. */
  readonly indices: string;
  /** `[count]`: pretrained values of the entries; there only to pull them to zero. */
  readonly base?: string;
}

/** Names of the increments and places of one tensor. */
export interface Placed {
  readonly values: string;
  readonly indices: string;
  readonly tensor: string;
}

/** Affine maps and tables: their increments reach the host as sparse matrices. Vectors are short enough to be spread out. */
export const isMatrix = ({ shape }: HostTensor): boolean => shape.length === 2;
