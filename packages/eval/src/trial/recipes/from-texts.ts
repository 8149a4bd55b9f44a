import type { LabelledText } from '@tfjs-peft/glue-fewshot';
import {
  type Evaluator,
  type LanguageExample,
  languageTexts,
  nextToken,
  observe,
  perplexityOf,
  train,
} from '@tfjs-peft/train';
import type { TextTaskData } from '../task-data.js';
import { languageExamples } from '../text-examples.js';
import { type Learned, type LearnRequest, learnedBy } from './recipe.js';

/**
 * Learns to write the first reference of each row after its prompt: the next token, of the reference alone. The development set chooses by the likelihood of
 * its references. Errors: those of training, `TEXT_LIMIT_TOO_SMALL`.
 */
export async function learnTexts(
  request: LearnRequest & {
    readonly data: TextTaskData;
    readonly rows: Readonly<Record<'train' | 'dev', readonly LabelledText[]>>;
  },
): Promise<Learned> {
  const { session, data, rows, observe: measure, ...rest } = request;
  const examplesOf = (part: readonly LabelledText[]) => languageExamples({ ...session, data }, part).flat();
  const dev = examplesOf(rows.dev);
  const evaluator = dev.length > 0 ? likelihoodOf(dev) : null;
  return learnedBy(
    await train({
      ...rest,
      host: session.host,
      source: languageTexts(examplesOf(rows.train)),
      objective: nextToken(),
      evaluator: evaluator && measure ? observe(evaluator, measure) : evaluator,
    }),
  );
}

/** Judges by the mean log-likelihood of a token, x 100 as test sets say it. */
function likelihoodOf(examples: readonly LanguageExample[]): Evaluator {
  const inner = perplexityOf(examples);
  return {
    identity: inner.identity,
    async evaluate(state) {
      const { headline, metrics, midpointMetrics, ...rest } = await inner.evaluate(state);
      return {
        headline: 100 * headline,
        metrics: { ...metrics, log_likelihood: 100 * headline },
        ...(midpointMetrics && {
          midpointMetrics: { ...midpointMetrics, log_likelihood: -100 * Math.log(midpointMetrics['perplexity']!) },
        }),
        ...rest,
      };
    },
  };
}
