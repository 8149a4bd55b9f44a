import { compose, PeftError } from '@tfjs-peft/peft-core';
import { labelsOf, majorityBaseline } from '@tfjs-peft/glue-fewshot';
import { linearProbe } from '@tfjs-peft/train';
import type { FloorName } from '../methods/presets.js';
import { trialFiles } from '../records/trial-folder.js';
import { writeItems } from '../records/trial-records.js';
import { type LabelTaskData, requireLabels, testLabels } from './task-data.js';
import { testAdapter } from './test-adapter.js';
import type { TrialContext, TrialOutcome } from './trial-context.js';
import { describeLogits, itemsOf, type TestOutput, writePredictions } from './write-predictions.js';

/** What no learning, or none inside the host, achieves on the same split. */
export async function runFloor(context: TrialContext, floor: FloorName): Promise<TrialOutcome> {
  const { split, folder, provenance } = context;
  const started = performance.now();
  const floors: Record<FloorName, () => Promise<Tested>> = {
    majority: async () => testFloor(majority(context, requireLabels(context.session.data, 'the floor majority'))),
    'linear-probe': async () =>
      testFloor(await probe(context, requireLabels(context.session.data, 'the floor linear-probe'))),
    'zero-shot': () => zeroShot(context),
  };
  context.phase(`${floor} on ${split.train.length} texts`);
  const { outputs, numbers } = await floors[floor]();
  // Nothing is learned once the host is there; what tests take is no training.
  const trainSeconds = (performance.now() - started) / 1000;
  await writePredictions(trialFiles(folder).predictions, outputs);
  const items = itemsOf('', outputs);
  if (items.length > 0) await writeItems(trialFiles(folder).items, provenance, items);
  return {
    test: Object.fromEntries(outputs.map(({ name, metrics }) => [name, metrics])),
    steps: 0,
    stoppedEarly: false,
    trainableParameters: numbers,
    effectiveParameters: numbers,
    trainSeconds,
    secondsPerStep: 0,
    fileBytes: 0,
  };
}

interface Tested {
  readonly outputs: readonly TestOutput[];
  readonly numbers: number;
}

async function testFloor({ predict, numbers, data }: Floor): Promise<Tested> {
  const tested = await testLabels(data, { encode: () => [], draws: 1 }, (_texts, name) => predict(name));
  return { outputs: tested.map((each) => describeLogits(data, each)), numbers };
}

/** The bare host on a task of texts. */
async function zeroShot({ session, trial, progress, signal }: TrialContext): Promise<Tested> {
  if (session.data.kind !== 'texts')
    throw new PeftError('TASK_UNFIT', {
      found: `the floor zero-shot for task ${session.data.loaded.task.name}, whose answers are labels`,
      expected: 'a task of texts',
      fix: 'compare with the floors majority and linear-probe',
    });
  const outputs = await testAdapter({
    session,
    method: compose(),
    effective: new Map(),
    test: trial.test,
    trainSeed: trial.seed.train,
    progress,
    ...(signal && { signal }),
  });
  return { outputs, numbers: 0 };
}

interface Floor {
  readonly predict: (test: string) => Promise<{ readonly logits: Float32Array }>;
  /** How many numbers were fitted. */
  readonly numbers: number;
  readonly data: LabelTaskData;
}

/** Logits that are the logarithms of the label frequencies in training; the mean score for a regression. */
function majority({ split }: TrialContext, data: LabelTaskData): Floor {
  const { prediction } = majorityBaseline(data.loaded.task, labelsOf(split.train), labelsOf(split.train));
  const frequencies = data.labels.map(
    (_, label) => (labelsOf(split.train).filter((other) => other === label).length + 1e-6) / split.train.length,
  );
  return {
    data,
    numbers: data.labels.length,
    predict: async (test) => {
      const { rows } = findTest(data.tests, test);
      if (data.regression) return { logits: new Float32Array(rows.length).fill(prediction) };
      return { logits: Float32Array.from(rows.flatMap(() => frequencies.map(Math.log))) };
    },
  };
}

async function probe({ session, split, progress, signal }: TrialContext, data: LabelTaskData): Promise<Floor> {
  const features = await session.features(split.train, progress('frozen features'));
  return {
    data,
    numbers: data.labels.length * (session.host.spec.hiddenSize + 1),
    predict: async (test) => {
      if (signal?.aborted) throw new PeftError('INTERRUPTED', { found: 'stopped on request' });
      const { rows } = findTest(data.tests, test);
      const testFeatures = await session.features(rows, progress(`frozen features of ${test}`));
      return linearProbe({
        features,
        labels: labelsOf(split.train),
        testFeatures,
        task: data.regression ? 'regression' : 'classification',
        labelCount: data.labels.length,
      });
    },
  };
}

const findTest = <Test extends { readonly name: string }>(tests: readonly Test[], name: string): Test =>
  tests.find((test) => test.name === name)!;
