import {
  compose,
  disposeParameters,
  foldMethod,
  type HeadMethod,
  type NamedArrays,
  PeftError,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { isHead } from '@tfjs-peft/peft-core/authoring';
import { contrastivePairs, contrastiveTexts, fitHead, predictLogits, train } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { requireLabels } from '../task-data.js';
import { type Learned, type RecipeRequest, requireFeatures } from './recipe.js';

/**
 * Two stages (SetFit, Tunstall et al. 2022, arXiv 2209.11055): pairs of texts train the adapter to put texts of one class together, then the head
 * is fitted in closed form on the features of its deployed point. The head must be a part of its own, beside what is trained.
 * Errors: `RECIPE_UNFIT`, `PAIRS_IMPOSSIBLE`, those of training and of `fitHead`.
 */
export async function contrastive(request: RecipeRequest): Promise<Learned> {
  const { session, method, train: examples, dev, observe: _observe, ...rest } = request;
  const { host, readout } = session;
  const data = requireLabels(session.data, 'the recipe contrastive');
  requireFeatures(session, 'contrastive');
  if (data.regression)
    throw new PeftError('RECIPE_UNFIT', {
      found: 'the recipe "contrastive" for a task of numbers',
      expected: 'a task of classes',
      fix: 'use the recipe "supervised"',
    });
  if (Object.keys(rest.config.selections ?? {}).length > 0)
    throw new PeftError('RECIPE_UNFIT', {
      found: 'the recipe "contrastive" with further rules of selection',
      expected: 'no `train.selections`: its last state counts, nothing is chosen',
      fix: 'remove `selections`, or use the recipe "supervised"',
    });
  const { head, others } = splitHead(method);
  const result = await train({
    ...rest,
    host,
    method: others,
    source: contrastiveTexts(examples),
    objective: contrastivePairs({ host, readout }),
  });
  const effective = toParameters(result.effective);
  const fitted = await atDeployedPoint(result.method, effective, (adapter) =>
    fitHead({
      host,
      head,
      adapter,
      texts: examples.map(({ text }) => text),
      labels: examples.map(({ label }) => label),
      // As SetFit: features as they are.
      standardise: false,
      batchSize: rest.config.evaluationBatchSize,
      ...(rest.signal && { signal: rest.signal }),
    }),
  ).finally(() => disposeParameters(effective));
  const learned = {
    method: compose(result.method, head),
    effective: new Map([...result.effective, ...fitted]),
    steps: result.steps,
    stoppedEarly: result.stoppedEarly,
    history: result.history,
  };
  return {
    ...learned,
    dev: dev.length > 0 ? { headline: await scoreDev(request, learned), step: result.steps } : null,
  };
}

/** Errors: `RECIPE_UNFIT` unless exactly one part is a head and something else is there to train. */
function splitHead(method: PeftMethod): { readonly head: HeadMethod; readonly others: PeftMethod } {
  const parts = method.parts ?? [];
  const heads = parts.filter(isHead);
  const others = parts.filter((part) => !isHead(part));
  if (heads.length === 1 && others.length > 0)
    return { head: heads[0]!, others: others.length === 1 ? others[0]! : compose(...others) };
  throw new PeftError('RECIPE_UNFIT', {
    found: `the recipe "contrastive" for a ${method.type} with ${heads.length} heads among its ${parts.length} parts`,
    expected: 'a composition of what is trained and one head',
    fix: 'put the head beside it: COMPOSE of the method (or its simplex) and HEAD',
  });
}

/** Lends the folded method, whose tensors are freed afterwards unless they are those of `effective`. */
async function atDeployedPoint<T>(
  method: PeftMethod,
  effective: ReturnType<typeof toParameters>,
  use: (adapter: ReturnType<typeof foldMethod>) => Promise<T>,
): Promise<T> {
  let folded = { method, effective } as ReturnType<typeof foldMethod>;
  tf.tidy(() => {
    folded = foldMethod(method, effective);
    return [...folded.effective.values()];
  });
  const owned = new Set(effective.values());
  try {
    return await use(folded);
  } finally {
    tf.dispose([...folded.effective.values()].filter((tensor) => !owned.has(tensor)));
  }
}

async function scoreDev(
  { session, dev, config, signal }: RecipeRequest,
  { method, effective }: { readonly method: PeftMethod; readonly effective: NamedArrays },
): Promise<number> {
  const tensors = toParameters(effective);
  try {
    const { logits } = await atDeployedPoint(method, tensors, (adapter) =>
      predictLogits({
        host: session.host,
        ...adapter,
        texts: dev.map(({ text }) => text),
        batchSize: config.evaluationBatchSize,
        ...(signal && { signal }),
      }),
    );
    return requireLabels(session.data, 'the recipe contrastive').score(
      logits,
      dev.map(({ label }) => label),
    ).headline;
  } finally {
    disposeParameters(tensors);
  }
}
