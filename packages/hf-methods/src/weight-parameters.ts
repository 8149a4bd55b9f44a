import type { InitialLaw } from '@tfjs-peft/peft-core/authoring';
import type { TargetModule } from './select-modules.js';

/** One tensor of a method as HF peft stores it. */
export interface StoredParameter {
  /** Behind the path of its module, or of the base model: `hada_w1_a`. */
  readonly name: string;
  /** In HF's own layout, which is also ours: files hold the very numbers. */
  readonly shape: readonly number[];
  /** First values for training. */
  readonly initial: InitialLaw;
  /** False for numbers that are never trained; they are the same for all vertices of a simplex. */
  readonly trainable?: boolean;
  /** How it can differ between the examples of a batch; `none` if absent. */
  readonly perExample?: 'axis' | 'outputs';
  /** HF peft stores it below every module as well, where it is the same. */
  readonly copied?: boolean;
  /** Not in the file: `initial`, a law of given values, has them. */
  readonly unsaved?: boolean;
  /** There if the numbers are places: whole numbers from 0, all below this one. Files are held to it. */
  readonly below?: number;
}

/** A parameter with its name here and in files. */
interface PlacedParameter extends StoredParameter {
  /** Here: `loha.encoder.layer.0.attention.self.query.hada_w1_a`. */
  readonly parameter: string;
  /** In files: `base_model.model.bert.encoder…`. */
  readonly stored: string;
  /** Names of equal tensors in files. */
  readonly copies?: readonly string[];
  readonly site?: string;
}

/** What a configuration means on a host. */
export interface WeightMethodLayout {
  readonly modules: readonly TargetModule[];
  readonly parameters: readonly PlacedParameter[];
}
