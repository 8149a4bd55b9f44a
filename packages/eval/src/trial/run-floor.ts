import { PeftError } from '@tfjs-peft/peft-core';
import { labelsOf, majorityBaseline } from '@tfjs-peft/glue-fewshot';
import { linearProbe } from '@tfjs-peft/train';
import type { FloorName } from '../methods/presets.js';
import { trialFiles } from '../records/trial-folder.js';
import { writeItems } from '../records/trial-records.js';
import { evaluateTests } from './task-data.js';
import type { TrialContext, TrialOutcome } from './trial-context.js';
import { itemsOf, writePredictions } from './write-predictions.js';

/** What no learning, or none inside the host, achieves on the same split. */
export async function runFloor(context: TrialContext, floor: FloorName): Promise<TrialOutcome> {
  const { session, split, folder, provenance } = context;
  const { data } = session;
  const started = performance.now();
  const floors: Record<FloorName, () => Promise<Floor>> = {
    majority: async () => majority(context),
    'linear-probe': () => probe(context),
  };
  context.phase(`${floor} on ${split.train.length} texts`);
  const { predict, numbers } = await floors[floor]();
  const trainSeconds = (performance.now() - started) / 1000;
  const outputs = await evaluateTests(
    data,
    () => [],
    (_texts, name) => predict(name),
  );
  await writePredictions(trialFiles(folder).predictions, data, outputs);
  await writeItems(trialFiles(folder).items, provenance, itemsOf('', outputs));
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

interface Floor {
  readonly predict: (test: string) => Promise<{ readonly logits: Float32Array }>;
  /** How many numbers were fitted. */
  readonly numbers: number;
}

/** Logits that are the logarithms of the label frequencies in training; the mean score for a regression. */
function majority({ session: { data }, split }: TrialContext): Floor {
  const { prediction } = majorityBaseline(data.loaded.task, labelsOf(split.train), labelsOf(split.train));
  const frequencies = data.labels.map(
    (_, label) => (labelsOf(split.train).filter((other) => other === label).length + 1e-6) / split.train.length,
  );
  return {
    numbers: data.labels.length,
    predict: async (test) => {
      const { rows } = findTest(data.tests, test);
      if (data.regression) return { logits: new Float32Array(rows.length).fill(prediction) };
      return { logits: Float32Array.from(rows.flatMap(() => frequencies.map(Math.log))) };
    },
  };
}

async function probe({ session, split, progress, signal }: TrialContext): Promise<Floor> {
  const { data } = session;
  const features = await session.features(split.train, progress('frozen features'));
  return {
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
