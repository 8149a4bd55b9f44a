import type { EvaluatedState, Evaluation, Evaluator } from './evaluator.js';

/**
 * An evaluator that also measures something else of every state, such as the test metric, for the record: `observed` goes into the rows of
 * the history, and neither choice nor early stopping looks at it.
 */
export function observe(
  evaluator: Evaluator,
  measure: (state: EvaluatedState) => Promise<Readonly<Record<string, number>>>,
): Evaluator {
  const all = async (states: readonly EvaluatedState[]): Promise<Evaluation[]> => {
    if (evaluator.evaluateAll) return evaluator.evaluateAll(states);
    const evaluations: Evaluation[] = [];
    for (const state of states) evaluations.push(await evaluator.evaluate(state));
    return evaluations;
  };
  return {
    identity: evaluator.identity,
    evaluate: async (state) => ({ ...(await evaluator.evaluate(state)), observed: await measure(state) }),
    async evaluateAll(states) {
      const [first, ...others] = await all(states);
      return [{ ...first!, observed: await measure(states[0]!) }, ...others];
    },
  };
}
