import type * as tf from '@tensorflow/tfjs';
import type { Parameters } from './parameters.js';

/** What an optimiser remembers: one set of tensors a slot (`firstMoment`), by the names of the parameters. Frozen ones are left out. */
export type OptimiserState = ReadonlyMap<string, Parameters>;

/** What holds for one parameter in one update. */
export interface UpdateSettings {
  readonly learningRate: number;
  /** Decoupled weight decay. */
  readonly weightDecay: number;
}

/** What an optimiser gets in one step. */
export interface Update {
  /** What is trained; no frozen parameters, no buffers. */
  readonly parameters: Parameters;
  /** Absent where the loss does not depend on the parameter: it then stays as it is, with its state. */
  readonly gradients: Parameters;
  readonly state: OptimiserState;
  /** Counted from 1. */
  readonly step: number;
  /** Rate and decay of a parameter in this step, by its name. */
  readonly settingsOf: (name: string) => UpdateSettings;
  /** Gradients are multiplied by it first (clipping). */
  readonly gradientScale?: tf.Scalar;
}

/** A rule of updates as a value: two pure functions. All numbers of its state are float32. */
export interface Optimiser {
  /** Name and settings, `adamw(betas=0.9,0.999)`: a run continues only with the same one. */
  readonly id: string;
  /** The state before the first update. The caller owns the tensors. */
  init(parameters: Parameters): OptimiserState;
  /** New tensors, or the very ones where nothing changed; disposes nothing. Called inside `tf.tidy`. */
  update(update: Update): { readonly parameters: Parameters; readonly state: OptimiserState };
  /** What is evaluated, chosen and returned in place of the trained parameters, such as their moving average; lent. */
  judged?(state: OptimiserState): Parameters;
}
