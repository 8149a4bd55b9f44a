import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  countParameters,
  createStream,
  disposeParameters,
  type NamedArrays,
  PeftError,
  saveAdapter,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { notesOn, randomPermutation } from '@tfjs-peft/peft-core/authoring';
import { type LabelledText, labelsOf, type TestSet } from '@tfjs-peft/glue-fewshot';
import { findCoincidingVertices, isSubspace, measureSimplex } from '@tfjs-peft/subspace';
import type { EvaluatedState, MetricsRow } from '@tfjs-peft/train';
import type { TestConfig } from '../config/experiment-config.js';
import type { TrialMethod } from '../config/trial-config.js';
import { writeAdapterFolder } from '../run-folder/adapter-folder.js';
import { createFolderStore } from '../run-folder/folder-checkpoint-store.js';
import { trialFiles } from '../records/trial-folder.js';
import { simplexPrefix, writeEvaluations, writeItems } from '../records/trial-records.js';
import type { SelectedResult } from '../records/trial-summary.js';
import { learnTexts } from './recipes/from-texts.js';
import type { Learned, LearnRequest } from './recipes/recipe.js';
import { recipes } from './recipes/recipes.js';
import { foldTargetScale, hasHead, standardise, targetScaleOf, type TargetScale } from './standardise-targets.js';
import { testAdapter } from './test-adapter.js';
import { describeCutTexts } from './text-examples.js';
import { openTrainingLogs } from './training-logs.js';
import { itemsOf, type TestOutput, writePredictions } from './write-predictions.js';
import type { TrialContext, TrialOutcome } from './trial-context.js';

/** Trains a method with checkpoints in the trial's folder, tests it, and saves its adapter. */
export async function trainTrial(context: TrialContext): Promise<TrialOutcome> {
  const { trial, folder, session, split, signal } = context;
  const { host, data } = session;
  const files = trialFiles(folder);
  const { description, recipe } = trial.method as Extract<TrialMethod, { kind: 'trained' }>;
  const plain = session.build(description);
  const isRegression = data.kind === 'labels' && data.regression;
  const scale = isRegression && hasHead(plain) ? targetScaleOf(labelsOf(split.train)) : undefined;
  const method = scale ? session.build(description, scale) : plain;
  const examples = (rows: readonly LabelledText[]) =>
    scale ? standardise(session.examples(rows), scale) : session.examples(rows);
  const logs = await openTrainingLogs(folder, context.seconds);
  context.phase(`${method.prepare ? 'preparing the method, then ' : ''}training on ${split.train.length} texts`);
  const request: LearnRequest = {
    session,
    method,
    config: trial.train!,
    seed: trial.seed.train,
    store: createFolderStore(files.checkpoint),
    ...(trial.test.trace && { observe: observeTests(context) }),
    onEvent: (event) => {
      logs.write(event);
      if (event.type === 'prepare') context.progress('preparing')(event);
      else if (event.type === 'start') {
        const { plan, history: _history, ...rest } = event;
        [...notesOn(plan, host.spec), ...findCoincidingVertices(plan)].forEach((text) => context.warn(text));
        context.onTrain(rest);
      } else context.onTrain(event);
      if (event.type === 'warning') context.warn(event.text);
    },
    ...(signal && { signal }),
  };
  if (trial.test.trace && recipe === 'contrastive')
    context.warn('test.trace has no effect: the recipe "contrastive" judges nothing before its end');
  if (data.kind === 'texts' && recipe !== 'supervised')
    throw new PeftError('RECIPE_UNFIT', {
      found: `the recipe "${recipe}" for task ${data.loaded.task.name}, whose answers are texts`,
      expected: 'the recipe "supervised"',
      fix: 'choose a method without that recipe',
    });
  if (data.kind === 'texts') {
    const rows = [...split.train, ...split.dev, ...data.tests.flatMap((test) => test.rows)];
    const cut = describeCutTexts({ ...session, data }, rows);
    if (cut !== undefined) context.warn(cut);
  }
  const result =
    data.kind === 'texts'
      ? await learnTexts({ ...request, data, rows: split })
      : await recipes[recipe]({ ...request, train: examples(split.train), dev: examples(split.dev) });
  const tested = await testChoices(context, result, scale);
  const { items, outputs, selections } = tested;
  await writePredictions(files.predictions, outputs);
  if (items.length > 0) await writeItems(files.items, context.provenance, items);
  await writeEvaluations(files.evaluations, context.provenance, result.history);
  const counts = countParameters(result.method.plan(host.spec));
  const outcome: TrialOutcome = {
    test: metricsOf(outputs),
    ...(result.dev && { dev: result.dev }),
    ...(result.dev && data.kind === 'texts' && { devMetric: 'log_likelihood' }),
    ...(Object.keys(selections).length > 0 && { selections }),
    steps: result.steps,
    stoppedEarly: result.stoppedEarly,
    trainableParameters: counts.trainable,
    effectiveParameters: counts.effective,
    ...timesOf(result.history, result.steps),
    fileBytes: tested.fileBytes,
    ...(tested.simplex && { simplex: tested.simplex }),
  };
  // Needed until the adapter is safe; afterwards it would only cost space.
  await rm(files.checkpoint, { recursive: true, force: true });
  return outcome;
}

const metricsOf = (outputs: readonly TestOutput[]) =>
  Object.fromEntries(outputs.map(({ name, metrics }) => [name, metrics]));

/** Tests what each rule of selection chose and saves it; a state that two rules chose is tested once. */
async function testChoices(
  { trial, folder, session, progress, signal }: TrialContext,
  learned: Learned,
  scale: TargetScale | undefined,
) {
  const { host } = session;
  const { method } = learned;
  const files = trialFiles(folder);
  const testOne = async (arrays: NamedArrays, target: string) => {
    const effective = toParameters(scale ? foldTargetScale(method, arrays, scale) : arrays);
    try {
      const outputs = await testAdapter({
        session,
        method,
        effective,
        test: trial.test,
        trainSeed: trial.seed.train,
        batchSize: trial.train!.evaluationBatchSize,
        progress,
        ...(signal && { signal }),
      });
      const saved = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host, {
        baseModelNameOrPath: host.spec.name,
        tokenizerDigest: session.tokenizer.digest,
        maxTokens: session.maxTokens,
      });
      const fileBytes = await writeAdapterFolder(target, saved);
      return { outputs, fileBytes, simplex: isSubspace(method) ? await measureSimplex(method, effective) : undefined };
    } finally {
      disposeParameters(effective);
    }
  };
  const own = await testOne(learned.effective, files.adapter);
  const items = itemsOf('', own.outputs);
  const selections: Record<string, SelectedResult> = {};
  const known = new Map([[learned.dev?.step, own.outputs]]);
  for (const [rule, { effective, dev }] of learned.selections ?? []) {
    const before = known.get(dev.step);
    const tested = before ? { outputs: before, fileBytes: 0 } : await testOne(effective, join(files.selections, rule));
    known.set(dev.step, tested.outputs);
    items.push(...itemsOf(rule, tested.outputs));
    selections[rule] = { test: metricsOf(tested.outputs), dev, fileBytes: tested.fileBytes };
  }
  return { ...own, items, selections };
}

/** The rows of a test set that are looked at on the way: some drawn ones, or all. */
const traced =
  (trace: TestConfig['trace']) =>
  ({ name, rows }: TestSet): TestSet => {
    if (typeof trace !== 'number' || trace >= rows.length) return { name, rows };
    const places = randomPermutation(substream(createStream('trace'), name), rows.length)
      .slice(0, trace)
      .sort();
    return { name, rows: [...places].map((place) => rows[place]!) };
  };

/** Metrics of the test sets at one state of a run, by split and name; the midpoint is what is tested. */
const observeTests = ({ session, trial }: TrialContext) => {
  const tests = session.data.tests.map(traced(trial.test.trace));
  return async ({ method, effective, signal }: EvaluatedState): Promise<Readonly<Record<string, number>>> => {
    const outputs = await testAdapter({
      session: { ...session, data: { ...session.data, tests } },
      method,
      effective,
      test: { ...trial.test, point: 'midpoint' },
      trainSeed: trial.seed.train,
      batchSize: trial.train!.evaluationBatchSize,
      ...(signal && { signal }),
    });
    const geometry = isSubspace(method) ? Object.entries(await measureSimplex(method, effective)) : [];
    return Object.fromEntries([
      ...outputs.flatMap(({ name, metrics: { headline, metrics } }) =>
        Object.entries({ headline, ...metrics }).map(([metric, value]) => [`${name} ${metric}`, value]),
      ),
      ...geometry.map(([measure, value]) => [`${simplexPrefix}${measure}`, value]),
    ]);
  };
};

function timesOf(history: readonly MetricsRow[], steps: number) {
  const milliseconds = (rows: readonly MetricsRow[]) => rows.reduce((sum, row) => sum + row.milliseconds, 0);
  return {
    trainSeconds: milliseconds(history) / 1000,
    secondsPerStep: steps === 0 ? 0 : milliseconds(history.filter(({ split }) => split === 'train')) / 1000 / steps,
  };
}
