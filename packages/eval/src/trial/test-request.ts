import type { Parameters, PeftMethod } from '@tfjs-peft/peft-core';
import type { TestConfig } from '../config/experiment-config.js';
import type { Session } from './session.js';

/** A trained method, and how it is tested. */
export interface TestRequest {
  readonly session: Session;
  /** Not folded: a simplex with all its vertices. */
  readonly method: PeftMethod;
  readonly effective: Parameters;
  readonly test: TestConfig;
  /** Of draws at random points. */
  readonly trainSeed: number;
  /** Texts a pass. */
  readonly batchSize?: number | undefined;
  /** Makes what is told after each batch, from what is being done. */
  readonly progress?: (what: string) => (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}
