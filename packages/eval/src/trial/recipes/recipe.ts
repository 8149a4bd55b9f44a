import { type NamedArrays, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import type {
  CheckpointStore,
  EvaluatedState,
  LabelledExample,
  MetricsRow,
  TrainConfig,
  TrainEvent,
} from '@tfjs-peft/train';
import type { Session } from '../session.js';

/** What a recipe learns from. */
export interface RecipeRequest {
  readonly session: Session;
  /** As described: not prepared, with its head. */
  readonly method: PeftMethod;
  readonly train: readonly LabelledExample[];
  readonly dev: readonly LabelledExample[];
  readonly config: TrainConfig;
  readonly seed: number;
  readonly store: CheckpointStore;
  /** Measured at every evaluation, for the record only. */
  readonly observe?: (state: EvaluatedState) => Promise<Readonly<Record<string, number>>>;
  readonly onEvent: (event: TrainEvent) => void;
  readonly signal?: AbortSignal;
}

/** A trained method, ready to be tested and saved. */
export interface Learned {
  readonly method: PeftMethod;
  readonly effective: NamedArrays;
  readonly steps: number;
  readonly stoppedEarly: boolean;
  readonly history: readonly MetricsRow[];
  /** What the development set said of it, and after which step; null without one. */
  readonly dev: DevChoice | null;
  /** What each of `config.selections` chose. */
  readonly selections?: ReadonlyMap<string, { readonly effective: NamedArrays; readonly dev: DevChoice }>;
}

interface DevChoice {
  readonly headline: number;
  readonly step: number;
}

/** A way from texts with labels to a trained method. */
export type Recipe = (request: RecipeRequest) => Promise<Learned>;

/** For recipes that compare pooled features of texts: a prompt has none but the state of its mask. Errors: `RECIPE_UNFIT`. */
export function requireFeatures({ labelWords }: Session, recipe: string): void {
  if (!labelWords) return;
  throw new PeftError('RECIPE_UNFIT', {
    found: `the recipe "${recipe}" on prompts`,
    expected: 'texts as they are',
    fix: 'leave --prompt (model.prompt) out, or use the recipe "supervised"',
  });
}
