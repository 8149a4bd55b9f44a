import { labelledTask, observe, train, withContrastiveTerm } from '@tfjs-peft/train';
import { requireLabels } from '../task-data.js';
import { type Learned, learnedBy, type RecipeRequest, requireFeatures } from './recipe.js';

/** One stage: the task's loss alone. */
export const supervised = (request: RecipeRequest): Promise<Learned> => trainOnLabels(request, 0);

/** One stage: the task's loss, and a term that draws texts of one class together. */
export const jointContrastive = (request: RecipeRequest): Promise<Learned> => {
  requireFeatures(request.session, 'joint-contrastive');
  return trainOnLabels(request, 1);
};

async function trainOnLabels(request: RecipeRequest, contrastiveWeight: number): Promise<Learned> {
  const { session, train: examples, dev, observe: measure, ...rest } = request;
  const { host, readout } = session;
  const data = requireLabels(session.data, 'learning from labels');
  const task = labelledTask({ train: examples, dev, objective: data.objective, score: data.score });
  const objective =
    contrastiveWeight > 0
      ? withContrastiveTerm(data.objective, { host, readout, weight: contrastiveWeight })
      : task.objective;
  const evaluator = task.evaluator && measure ? observe(task.evaluator, measure) : task.evaluator;
  return learnedBy(await train({ ...rest, host, ...task, evaluator, objective }));
}
