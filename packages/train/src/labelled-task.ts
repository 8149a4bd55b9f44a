import { labelledTexts, type LabelledExample } from './batches/labelled-texts.js';
import { scoreLogits, type ScoreFunction } from './evaluate/score-logits.js';
import { crossEntropy } from './objectives/cross-entropy.js';
import type { LogitsObjective } from './objectives/logits-objective.js';
import type { TrainingRequest } from './run/training-request.js';

/** The usual question: texts with labels to learn from and to choose by. */
export interface LabelledTask<Target> {
  readonly train: readonly LabelledExample<Target>[];
  /** Chooses the best state; may be empty or absent: the last state counts then. */
  readonly dev?: readonly LabelledExample<Target>[];
  /** How good logits of `dev` are; minus the loss if absent. */
  readonly score?: ScoreFunction<Target>;
  /** The name by which a run is known again: see `scoreLogits`. */
  readonly scoreName?: string;
  readonly objective: LogitsObjective<Target>;
}

/**
 * The usual training question: texts with labels, one set to learn from and one to choose by. Spread it into a request:
 * `train({ host, method, ...labelledTask({ train, dev }), config, seed })`. The objective is cross entropy unless another is given.
 * Errors: `TRAINING_DATA_EMPTY`, `TEXT_EMPTY`, `LABEL_INVALID`.
 */
export function labelledTask<Target = number>(
  task: LabelledTask<Target> | Omit<LabelledTask<number>, 'objective'>,
): Pick<TrainingRequest<readonly Target[]>, 'source' | 'objective' | 'evaluator'> {
  // Without an objective the labels are class indices, as the type says.
  const {
    train,
    dev = [],
    objective,
    score,
    scoreName = score ? score.name : 'minus_loss',
  } = { objective: crossEntropy(), ...task } as LabelledTask<Target>;
  const byLoss: ScoreFunction<Target> = (logits, targets) => ({
    headline: -objective.meanLoss(logits, logits.length / targets.length, targets),
    metrics: {},
  });
  return {
    source: labelledTexts(train, objective),
    objective,
    evaluator: dev.length > 0 ? scoreLogits({ examples: dev, objective, score: score ?? byLoss, scoreName }) : null,
  };
}
