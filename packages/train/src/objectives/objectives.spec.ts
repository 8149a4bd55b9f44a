import { afterAll, describe, expect, it } from '@jest/globals';
import {
  createStream,
  evaluationContext,
  head,
  type Host,
  type HostInputs,
  initialValues,
  type Parameters,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import {
  type Batch,
  type GradientRequest,
  lossAndGradients,
  lossOfBatch,
  type Objective,
  objectiveOfOutputs,
} from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { createToyHost, toyExamples, toyShift } from '../../test/toy-host.js';
import { withHead } from '../../test/toy-request.js';
import { padTexts } from '../batches/pad-texts.js';
import { contrastivePairs } from './contrastive-pairs.js';
import { crossEntropy } from './cross-entropy.js';
import { labelSets } from './label-sets.js';
import type { LogitsObjective } from './logits-objective.js';
import { squaredError } from './squared-error.js';

useTestBackend();

const host = createToyHost();
afterAll(() => host.dispose());
const texts = toyExamples(4, 'objectives').map(({ text }) => text);
const context = evaluationContext(host.spec, texts.length);
const one = async (tensor: tf.Tensor) => (await tensor.data())[0]!;

/** The loss on the device of logits that are given. */
async function deviceLoss<T>(objective: LogitsObjective<T>, rows: readonly number[][], targets: readonly T[]) {
  const outputs = { lastHiddenState: tf.zeros<tf.Rank.R3>([rows.length, 1, 1]), logits: tf.tensor2d([...rows]) };
  return one(objective.loss(() => outputs, { inputs: {} as HostInputs, targets }, context).loss);
}
const logits = [
  [1.5, -0.25, 30],
  [-2, 0.5, 0.75],
  [0, -40, 3],
  [0.1, 0.2, 0.3],
];
const flat = Float32Array.from(logits.flat());
const logProbabilities = logits.map((row) => {
  const total = Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
  return row.map((z) => z - total);
});

describe('crossEntropy', () => {
  const targets = [2, 0, 1, 1];
  const weights = [0.5, 2, 3];

  it.each([
    [{}, [1, 1, 1], 0],
    [{ classWeights: weights }, weights, 0],
    [{ labelSmoothing: 0.2 }, [1, 1, 1], 0.2],
    [{ classWeights: weights, labelSmoothing: 0.2 }, weights, 0.2],
  ])('is torch.nn.CrossEntropyLoss with %j', async (config, w, smoothing) => {
    // Both parts are divided by the weights of the targets, as torch does it.
    const divisor = targets.reduce((sum, target) => sum + w[target]!, 0);
    const hard = targets.reduce((sum, target, row) => sum - w[target]! * logProbabilities[row]![target]!, 0);
    const soft = logProbabilities.reduce((sum, row) => row.reduce((part, log, c) => part - w[c]! * log, sum), 0) / 3;
    const expected = ((1 - smoothing) * hard + smoothing * soft) / divisor;
    const objective = crossEntropy(config);
    expect(objective.meanLoss(flat, 3, targets)).toBeCloseTo(expected, 6);
    expect((await deviceLoss(objective, logits, targets)) / expected).toBeCloseTo(1, 5);
  });

  it.each([[[2]], [[2, 1, 5, 7]]])('refuses weights %j of other classes than there are', async (classWeights) => {
    const objective = crossEntropy({ classWeights });
    const code = 'LOGITS_MISSHAPEN';
    expect(() => objective.meanLoss(flat, 3, targets)).toThrow(expect.objectContaining({ code }));
    await expect(async () => deviceLoss(objective, logits, targets)).rejects.toMatchObject({ code });
  });

  it('is 0 for texts of classes that count for nothing', async () => {
    const objective = crossEntropy({ classWeights: [0, 1, 1] });
    const none = targets.map(() => 0);
    expect(objective.meanLoss(flat, 3, none)).toBe(0);
    expect(Math.abs(await deviceLoss(objective, logits, none))).toBe(0);
  });

  it('has an id that tells its settings', () => {
    const ids = [{}, { classWeights: weights }, { labelSmoothing: 0.2 }, { labelSmoothing: 0.3 }].map(
      (config) => crossEntropy(config).id,
    );
    expect(new Set(ids).size).toBe(4);
  });
});

describe('labelSets', () => {
  const targets = [[], [0, 2], [1], [0, 1, 2]];

  it('is torch.nn.BCEWithLogitsLoss, also for large logits', async () => {
    const terms = logits.flatMap((row, i) =>
      row.map((z, label) => Math.log1p(Math.exp(targets[i]!.includes(label) ? -z : z))),
    );
    const expected = terms.reduce((sum, term) => sum + term, 0) / terms.length;
    expect(labelSets().meanLoss(flat, 3, targets)).toBeCloseTo(expected, 6);
    expect((await deviceLoss(labelSets(), logits, targets)) / expected).toBeCloseTo(1, 5);
  });

  it('judges the mean probability of draws, also where it is as good as certain', () => {
    const objective = labelSets();
    const draws = [
      [1, -2, 40],
      [0, -1, 60],
    ].map((row) => Float32Array.from(row));
    const [yes, no, sure] = objective.ensemble(draws, 3);
    const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
    expect(sigmoid(yes!)).toBeCloseTo((sigmoid(1) + sigmoid(0)) / 2, 6);
    expect(sigmoid(no!)).toBeCloseTo((sigmoid(-2) + sigmoid(-1)) / 2, 6);
    // log 2 above the less certain draw.
    expect(sure).toBeCloseTo(40 + Math.log(2), 4);
    expect(objective.meanLoss(objective.ensemble(draws, 3), 3, [[2]])).toBeLessThan(1);
  });

  it('refuses labels that the head lacks, and one label twice', async () => {
    const refused = expect.objectContaining({ code: 'LABEL_INVALID' });
    await expect(deviceLoss(labelSets(), logits, [[], [3], [], []])).rejects.toEqual(refused);
    await expect(deviceLoss(labelSets(), logits, [[], [1, 1], [], []])).rejects.toEqual(refused);
  });
});

describe('contrastivePairs', () => {
  const pairsLoss = async (features: number[][], targets: number[]) => {
    const objective = contrastivePairs({ host });
    const inputs: HostInputs = {
      inputIds: tf.ones([features.length, 1], 'int32'),
      attentionMask: tf.ones([features.length, 1], 'int32'),
    };
    const lastHiddenState = tf.tensor2d(features).expandDims<tf.Tensor3D>(1);
    return one(objective.loss(() => ({ lastHiddenState }), { inputs, targets }, context).loss);
  };

  it('is the squared error of the cosines, first texts of all pairs before the second', async () => {
    const cosine = 11 / (Math.sqrt(5) * 5);
    const loss = await pairsLoss(
      [
        [1, 2],
        [1, 0],
        [3, 4],
        [0, 7],
      ],
      [1, 0.5],
    );
    expect(loss).toBeCloseTo(((cosine - 1) ** 2 + 0.25) / 2, 6);
  });

  it('compares what the method makes of the pooler', async () => {
    const [one, other] = [
      tf.tensor2d([
        [1, 0],
        [1, 0],
      ]),
      tf.tensor2d([
        [1, 0],
        [0, 1],
      ]),
    ];
    const inputs: HostInputs = { inputIds: tf.ones([2, 1], 'int32'), attentionMask: tf.ones([2, 1], 'int32') };
    const pass = () => ({ lastHiddenState: one.expandDims<tf.Tensor3D>(1), pooled: other });
    const readOut: Host['readOut'] = (states) => states.squeeze<tf.Tensor2D>([1]);
    const lossOf = async (readout: 'pooler' | 'cls') => {
      const objective = contrastivePairs({ host: { spec: host.spec, readOut }, readout });
      return (await objective.loss(pass, { inputs, targets: [1] }, context).loss.data())[0]!;
    };
    expect(await lossOf('pooler')).toBeCloseTo(1, 6);
    expect(await lossOf('cls')).toBeCloseTo(0, 6);
  });

  it('refuses half a pair and a similarity that is no number', async () => {
    await expect(pairsLoss([[1], [1], [1]], [1])).rejects.toMatchObject({ code: 'PAIRS_INCOMPLETE' });
    await expect(pairsLoss([[1], [1]], [NaN])).rejects.toMatchObject({ code: 'LABEL_INVALID' });
  });
});

/** A request of four texts, with parameters that the caller disposes. */
function requestOf<T>(
  objective: Objective<T>,
  targets: T,
  method: PeftMethod = withHead(toyShift()),
): GradientRequest<T> {
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(8)));
  return { host, method, raw, batch: { inputs: padTexts(host, texts), targets }, objective, context };
}

describe('gradients', () => {
  const sum = ({ loss, terms }: { loss: tf.Scalar; terms: Record<string, tf.Scalar> }) =>
    Object.values(terms).reduce<tf.Scalar>((total, term) => total.add(term), loss);

  it.each<[string, () => GradientRequest]>([
    ['cross entropy', () => requestOf(crossEntropy({ classWeights: [1, 3], labelSmoothing: 0.1 }), [0, 1, 1, 0])],
    ['label sets', () => requestOf(labelSets(), [[], [1], [0, 1], [0]])],
    ['squared error', () => requestOf(squaredError(), [1, -2, 0.5, 3], head({ labels: ['x'] }))],
    ['contrastive pairs', () => requestOf(contrastivePairs({ host }), [1, 0], toyShift({ beta: 0.2 }))],
  ] as [string, () => GradientRequest][])('of %s are central differences of loss and penalty', async (_name, make) => {
    const request = make();
    const { gradients } = lossAndGradients(request);
    expect(gradients.size).toBeGreaterThan(0);
    for (const [name, gradient] of gradients) {
      const value = request.raw.get(name)!;
      const slopes = await gradient.data();
      for (let entry = 0; entry < value.size; entry++) {
        const moved = async (step: number) => {
          const shift = tf.tensor(
            Float32Array.from({ length: value.size }, (_, i) => (i === entry ? step : 0)),
            value.shape,
          );
          return one(sum(lossOfBatch({ ...request, raw: new Map([...request.raw, [name, value.add(shift)]]) })));
        };
        const difference = ((await moved(1e-2)) - (await moved(-1e-2))) / 2e-2;
        expect(Math.abs(slopes[entry]! - difference)).toBeLessThan(2e-3);
      }
    }
  });

  const meanSquare: Objective = {
    id: 'mean_square',
    loss: (pass, _batch, at) => {
      const square = pass(at).lastHiddenState.square().mean() as tf.Scalar;
      return { loss: square, terms: { double: square.mul(2) } };
    },
  };

  it('are of the sum of loss, terms and penalty, each of which is told apart', async () => {
    const request = requestOf(meanSquare, null, toyShift({ beta: 0.3 }));
    const whole = lossAndGradients(request);
    expect(Object.keys(whole.terms)).toEqual(['double', 'penalty']);
    expect(await one(whole.terms['double']!)).toBeCloseTo(2 * (await one(whole.loss)), 5);
    const alone = (objective: Objective, method: PeftMethod) =>
      lossAndGradients({ ...request, objective, method }).gradients.get('shift.base')!;
    const plain = alone(
      objectiveOfOutputs('plain', ({ lastHiddenState }) => lastHiddenState.square().mean() as tf.Scalar),
      toyShift(),
    );
    const zero = alone(
      objectiveOfOutputs('zero', () => tf.scalar(0)),
      toyShift({ beta: 0.3 }),
    );
    const difference = whole.gradients.get('shift.base')!.sub(plain.mul(3).add(zero)).abs().max();
    expect(await one(difference)).toBeLessThan(1e-6);
    expect(await one(zero.abs().max())).toBeGreaterThan(1e-3);
  });

  it('of single examples come from a batch axis, and add up to those of the batch', async () => {
    const request = requestOf(crossEntropy(), [0, 1, 1, 0]) as GradientRequest;
    const batched: Parameters = new Map(
      [...request.raw].map(([name, value]) => [
        name,
        name.startsWith('head.') ? value.expandDims(0).tile([4, ...value.shape.map(() => 1)]) : value,
      ]),
    );
    const [whole, each] = [lossAndGradients(request), lossAndGradients({ ...request, raw: batched })];
    for (const name of ['head.classifier.weight', 'head.classifier.bias']) {
      const rows = each.gradients.get(name)!;
      expect(rows.shape).toEqual([4, ...request.raw.get(name)!.shape]);
      expect(await one(rows.sum(0).sub(whole.gradients.get(name)!).abs().max())).toBeLessThan(1e-6);
      expect(
        await one(
          rows
            .slice([0], [1])
            .sub(rows.slice([1], [1]))
            .abs()
            .max(),
        ),
      ).toBeGreaterThan(1e-3);
    }
  });

  it('leave what they were given, and nothing else, also after an error', async () => {
    const refusals: [Objective, string][] = [
      [objectiveOfOutputs('vector', ({ lastHiddenState }) => lastHiddenState.mean([1, 2]) as tf.Scalar), 'a loss'],
      [
        {
          id: 'term',
          loss: (pass, _b, at) => ({ loss: tf.scalar(0), terms: { wide: pass(at).lastHiddenState as never } }),
        },
        '"wide"',
      ],
    ];
    const request = requestOf(meanSquare, null, toyShift({ beta: 0.3 }));
    const given = [...request.raw.values(), ...Object.values(request.batch.inputs as object)] as tf.Tensor[];
    const before = tf.memory().numTensors;
    const { loss, terms, gradients } = lossAndGradients(request);
    expect(tf.memory().numTensors).toBe(before + 1 + 2 + 2);
    tf.dispose([loss, ...Object.values(terms), ...gradients.values()]);
    for (const [objective, found] of refusals)
      expect(() => lossAndGradients({ ...request, objective })).toThrow(
        expect.objectContaining({ code: 'LOSS_NOT_A_SCALAR', message: expect.stringContaining(found) }),
      );
    const broken: Objective = {
      id: 'broken',
      loss(pass, batch, at) {
        meanSquare.loss(pass, batch as Batch, at);
        throw new Error('broken on purpose');
      },
    };
    expect(() => lossAndGradients({ ...request, objective: broken })).toThrow('broken on purpose');
    expect(() => lossAndGradients({ ...request, wrt: ['shift.none'] })).toThrow(
      expect.objectContaining({ code: 'PARAMETER_MISSING' }),
    );
    expect(tf.memory().numTensors).toBe(before);
    expect(given.every(({ isDisposed }) => !isDisposed)).toBe(true);
    // A tape is clean after an error: the next gradients are right.
    const again = lossAndGradients(request);
    expect(again.gradients.size).toBe(2);
    tf.dispose([again.loss, ...Object.values(again.terms), ...again.gradients.values()]);
  });
});
