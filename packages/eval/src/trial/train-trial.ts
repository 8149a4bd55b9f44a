import { rm } from 'node:fs/promises';
import {
  countParameters,
  createStream,
  disposeParameters,
  saveAdapter,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { notesOn } from '@tfjs-peft/peft-core/authoring';
import { type LabelledText, labelsOf } from '@tfjs-peft/glue-fewshot';
import { findCoincidingVertices, isSubspace, measureSimplex } from '@tfjs-peft/subspace';
import type { MetricsRow } from '@tfjs-peft/train';
import type { TrialMethod } from '../config/trial-config.js';
import { predictAtPoint } from './predict-at-point.js';
import { writeAdapterFolder } from '../run-folder/adapter-folder.js';
import { createFolderStore } from '../run-folder/folder-checkpoint-store.js';
import { trialFiles } from '../records/trial-folder.js';
import { recipes } from './recipes/recipes.js';
import { foldTargetScale, hasHead, standardise, targetScaleOf } from './standardise-targets.js';
import { evaluateTests } from './task-data.js';
import { openTrainingLogs } from './training-logs.js';
import { writePredictions } from './write-predictions.js';
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
  const effective = toParameters(scale ? foldTargetScale(result.method, result.effective, scale) : result.effective);
  try {
    const outputs = await evaluateTests(data, session.encode, (texts, name) =>
      predictAtPoint({
        host,
        method: result.method,
        effective,
        texts,
        test: trial.test,
        stream: substream(createStream(trial.seed.train), 'draws-test', name),
        batchSize: trial.train!.evaluationBatchSize,
        regression: data.regression,
        onProgress: context.progress(`evaluate ${name}`),
        signal,
      }),
    );
    await writePredictions(files.predictions, data, outputs);
    const saved = await saveAdapter(
      { method: result.method, effective, hostFingerprint: host.spec.fingerprint },
      host,
      { baseModelNameOrPath: host.spec.name, tokenizerDigest: session.tokenizerDigest },
    );
    const counts = countParameters(result.method.plan(host.spec));
    const outcome: TrialOutcome = {
      test: Object.fromEntries(outputs.map(({ name, metrics }) => [name, metrics])),
      ...(result.dev && { dev: result.dev }),
      steps: result.steps,
      stoppedEarly: result.stoppedEarly,
      trainableParameters: counts.trainable,
      effectiveParameters: counts.effective,
      ...timesOf(result.history, result.steps),
      fileBytes: await writeAdapterFolder(files.adapter, saved),
      ...(isSubspace(result.method) && { simplex: await measureSimplex(result.method, effective) }),
    };
    // Needed until the adapter is safe; afterwards it would only cost space.
    await rm(files.checkpoint, { recursive: true, force: true });
    return outcome;
  } finally {
    disposeParameters(effective);
  }
}

function timesOf(history: readonly MetricsRow[], steps: number) {
  const milliseconds = (rows: readonly MetricsRow[]) => rows.reduce((sum, row) => sum + row.milliseconds, 0);
  return {
    trainSeconds: milliseconds(history) / 1000,
    secondsPerStep: steps === 0 ? 0 : milliseconds(history.filter(({ split }) => split === 'train')) / 1000 / steps,
  };
}
