import type { EncodedText, Host, NamedArrays, PeftMethod } from '@tfjs-peft/peft-core';
import type { HostTensor } from './host-tensors.js';
import type { KernelKind } from './kernel-kinds.js';
import type { Projection } from './project-piece.js';
import type { TiedRows } from './question.js';

/** Which gradients of which texts are multiplied. */
export interface GramRequest {
  readonly host: Host;
  /** Acts in the pass; has a head, whose logits are the function. */
  readonly method: PeftMethod;
  /** All raw parameters and buffers of the method: the point at which gradients are taken. */
  readonly parameters: NamedArrays;
  readonly rows: readonly EncodedText[];
  /** The rows themselves if absent. */
  readonly columns?: readonly EncodedText[];
  /** Parameters of the method that count; all trainable ones if absent. */
  readonly scope?: (name: string) => boolean;
  /** Tensors of the host that count; none if absent. */
  readonly tensors?: readonly HostTensor[];
  /** Parts of the sum that are asked for: from the name of a parameter or the path of a tensor to the name of a part. */
  readonly groupOf?: (name: string) => string;
  /** `[outputs, labels]`: each output is this combination of the logits; every logit for itself if absent. */
  readonly contrasts?: readonly (readonly number[])[];
  /** A parameter that is one with rows of a table. */
  readonly tied?: TiedRows;
  /** Texts of one pass; 32 if absent. */
  readonly batchSize?: number;
  /** Bytes of gradients that are held at once, of rows and of one batch of columns; 2^30 if absent. More rows take more passes over the columns. */
  readonly memoryLimit?: number;
  /** Where blocks of the kernel are kept as they are done. */
  readonly blocks?: GramBlocks;
  /**
   * Numbers up to this size have the sign 0; 1e-8 if absent. Some gradients are 0 but for rounding (the biases of keys: 1e-10 on MiniLM), and the signs of those
   * are noise.
   */
  readonly signThreshold?: number;
  /** Multiplies random projections of the gradients instead. */
  readonly projection?: Projection;
  /** `loop`: a pass a text for all parameters, also those that may carry a batch axis. */
  readonly way?: 'auto' | 'loop';
  /** Told after each batch how many texts have been looked at. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Blocks of a kernel that outlive a run: one batch of columns beside as many rows as fit the memory. A name says which texts they are of, so that the
 * blocks of one request may come from several runs and processes; their numbers are the same whoever computes them.
 */
export interface GramBlocks {
  /** The numbers that were written under a name; undefined if there are none. */
  read(name: string): Promise<Float64Array | undefined>;
  /** Keeps the numbers of a block, all of them or none. */
  write(name: string, numbers: Float64Array): Promise<void>;
  /** Whether this process computes the block with this number, from 0; all if absent. What it leaves out stays 0 in what it returns. */
  readonly isMine?: (block: number) => boolean;
}

/** Inner products of gradients. */
export interface Gram {
  readonly kind: KernelKind;
  readonly rows: number;
  readonly columns: number;
  /** Of each text: C below. */
  readonly outputs: number;
  /** `[rows · C, columns · C]`, row-major; output c of text i stands at `i · C + c`. */
  readonly values: Float64Array;
  /** The parts that add up to it. */
  readonly groups: ReadonlyMap<string, Float64Array>;
  /** The outputs themselves, `[rows, C]` and `[columns, C]`. */
  readonly rowOutputs: Float64Array;
  readonly columnOutputs: Float64Array;
}
