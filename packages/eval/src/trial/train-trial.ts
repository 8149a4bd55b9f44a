import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  countParameters,
  createStream,
  disposeParameters,
  type NamedArrays,
  saveAdapter,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { notesOn } from '@tfjs-peft/peft-core/authoring';
import { type LabelledText, labelsOf } from '@tfjs-peft/glue-fewshot';
import { findCoincidingVertices, isSubspace, measureSimplex } from '@tfjs-peft/subspace';
import { type EvaluatedState, type MetricsRow, predictLogits } from '@tfjs-peft/train';
import type { TrialMethod } from '../config/trial-config.js';
import { predictAtPoint } from './predict-at-point.js';
import { writeAdapterFolder } from '../run-folder/adapter-folder.js';
import { createFolderStore } from '../run-folder/folder-checkpoint-store.js';
import { trialFiles } from '../records/trial-folder.js';
import { writeEvaluations, writeItems } from '../records/trial-records.js';
import type { SelectedResult } from '../records/trial-summary.js';
import type { Learned } from './recipes/recipe.js';
import { recipes } from './recipes/recipes.js';
import { foldTargetScale, hasHead, standardise, targetScaleOf, type TargetScale } from './standardise-targets.js';
import { evaluateTests, type TestOutput } from './task-data.js';
import { openTrainingLogs } from './training-logs.js';
import { itemsOf, writePredictions } from './write-predictions.js';
import type { TrialContext, TrialOutcome } from './trial-context.js';

/** Trains a method with checkpoints in the trial's folder, tests it, and saves its adapter. */
export async function trainTrial(context: TrialContext): Promise<TrialOutcome> {
  const { trial, folder, session, split, signal } = context;
  const { host, data } = session;
  const files = trialFiles(folder);
  const { description, recipe } = trial.method as Extract<TrialMethod, { kind: 'trained' }>;
  const plain = session.build(description);
  const scale = data.regression && hasHead(plain) ? targetScaleOf(labelsOf(split.train)) : undefined;
  const method = scale ? session.build(description, scale) : plain;
  const examples = (rows: readonly LabelledText[]) =>
    scale ? standardise(session.examples(rows), scale) : session.examples(rows);
  const logs = await openTrainingLogs(folder, context.seconds);
  context.phase(`${method.prepare ? 'preparing the method, then ' : ''}training on ${split.train.length} texts`);
  const result = await recipes[recipe]({
    session,
    method,
    train: examples(split.train),
    dev: examples(split.dev),
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
  });
  const tested = await testChoices(context, result, scale);
  const { items, outputs, selections } = tested;
  await writePredictions(files.predictions, data, outputs);
  await writeItems(files.items, context.provenance, items);
  await writeEvaluations(files.evaluations, context.provenance, result.history);
  const counts = countParameters(result.method.plan(host.spec));
  const outcome: TrialOutcome = {
    test: metricsOf(outputs),
    ...(result.dev && { dev: result.dev }),
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
  const { host, data } = session;
  const { method } = learned;
  const files = trialFiles(folder);
  const testOne = async (arrays: NamedArrays, target: string) => {
    const effective = toParameters(scale ? foldTargetScale(method, arrays, scale) : arrays);
    try {
      const outputs = await evaluateTests(data, session.encode, (texts, name) =>
        predictAtPoint({
          host,
          method,
          effective,
          texts,
          test: trial.test,
          stream: substream(createStream(trial.seed.train), 'draws-test', name),
          batchSize: trial.train!.evaluationBatchSize,
          regression: data.regression,
          onProgress: progress(`evaluate ${name}`),
          signal,
        }),
      );
      const saved = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host, {
        baseModelNameOrPath: host.spec.name,
        tokenizerDigest: session.tokenizerDigest,
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

/** Metrics of the test sets at one state of a run, by split and name; the midpoint is what is tested. */
const observeTests =
  ({ session, trial }: TrialContext) =>
  async ({ host, method, effective, signal }: EvaluatedState): Promise<Readonly<Record<string, number>>> => {
    const outputs = await evaluateTests(session.data, session.encode, (texts) =>
      predictLogits({
        host,
        method,
        effective,
        texts,
        batchSize: trial.train!.evaluationBatchSize,
        ...(signal && { signal }),
      }),
    );
    return Object.fromEntries(
      outputs.flatMap(({ name, metrics: { headline, metrics } }) =>
        Object.entries({ headline, ...metrics }).map(([metric, value]) => [`${name} ${metric}`, value]),
      ),
    );
  };

function timesOf(history: readonly MetricsRow[], steps: number) {
  const milliseconds = (rows: readonly MetricsRow[]) => rows.reduce((sum, row) => sum + row.milliseconds, 0);
  return {
    trainSeconds: milliseconds(history) / 1000,
    secondsPerStep: steps === 0 ? 0 : milliseconds(history.filter(({ split }) => split === 'train')) / 1000 / steps,
  };
}
