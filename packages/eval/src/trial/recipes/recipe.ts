import { type NamedArrays, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import type {
  CheckpointStore,
  EvaluatedState,
  LabelledExample,
  MetricsRow,
  TrainConfig,
  TrainEvent,
  TrainingResult,
} from '@tfjs-peft/train';
import type { Session } from '../session.js';

/** What is learned, and how. */
export interface LearnRequest {
  readonly session: Session;
  /** As described: not prepared, with its head. */
  readonly method: PeftMethod;
  readonly config: TrainConfig;
  readonly seed: number;
  readonly store: CheckpointStore;
  /** Measured at every evaluation, for the record only. */
  readonly observe?: (state: EvaluatedState) => Promise<Readonly<Record<string, number>>>;
  readonly onEvent: (event: TrainEvent) => void;
  readonly signal?: AbortSignal;
}

/** What a recipe learns from. */
export interface RecipeRequest extends LearnRequest {
  readonly train: readonly LabelledExample[];
  readonly dev: readonly LabelledExample[];
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

/** What training chose, as a recipe gives it. */
export function learnedBy({ best, selections, ...result }: TrainingResult): Learned {
  const chosen = [...selections].flatMap(([rule, { effective, best: own }]) =>
    own ? [[rule, { effective, dev: { headline: own.headline, step: own.step } }] as const] : [],
  );
  return { ...result, dev: best && { headline: best.headline, step: best.step }, selections: new Map(chosen) };
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
