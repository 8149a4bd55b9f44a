import { lora } from '@tfjs-peft/lora';
import {
  disposeParameters,
  type Host,
  type NamedArrays,
  padBatch,
  type PeftMethod,
  readParameters,
  toParameters,
  evaluationContext,
  createStream,
  initialValues,
} from '@tfjs-peft/peft-core';
import { lossAndGradients, objectiveOfOutputs, type Optimiser, trainableNames } from '@tfjs-peft/peft-core/authoring';
import { adamW, sgd, signDescent } from '@tfjs-peft/train';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { binaryContrast, gradientGram, gradientGrams, hostTensors, lineariseOutputs } from '../src/index.js';
import { difference, jacobian, texts, tinyHost, valuesOf, withHead } from './tiny-question.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await tinyHost();
});
afterAll(() => host.dispose());

/** Parameters after one update on the output z1 - z0 of the first text, by an optimiser. */
async function afterOneStep(
  method: PeftMethod,
  values: NamedArrays,
  optimiser: Optimiser,
  learningRate: number,
): Promise<NamedArrays> {
  const raw = toParameters(values);
  const names = trainableNames(method.plan(host.spec));
  const batch = { inputs: padBatch(texts.slice(0, 1), 0), targets: undefined };
  const objective = objectiveOfOutputs('output', ({ logits }) => logits!.mul([-1, 1]).sum() as tf.Scalar);
  const context = evaluationContext(host.spec, 1);
  const { gradients, loss } = lossAndGradients({ host, method, raw, batch, objective, context, wrt: names });
  const own = new Map(names.map((name) => [name, raw.get(name)!]));
  const { parameters } = optimiser.update({
    parameters: own,
    gradients,
    state: optimiser.init(own),
    step: 1,
    settingsOf: () => ({ learningRate, weightDecay: 0 }),
  } as never);
  const moved = new Map([...values, ...(await readParameters(parameters))]);
  tf.dispose([loss, ...gradients.values(), ...parameters.values()]);
  disposeParameters(raw);
  return moved;
}

describe('one step of an optimiser', () => {
  const method = () => withHead(lora({ rank: 2 }));
  it.each([
    ['sgd', () => sgd(), 'sgd', 1e-3, 5e-3],
    ['sign descent', () => signDescent(), 'asymmetric-signgd', 1e-4, 2e-2],
    ['the first step of Adam', () => adamW({ betas: [0.9, 0.999], epsilon: 1e-12 }), 'asymmetric-signgd', 1e-4, 2e-2],
  ] as const)('changes outputs as its kernel says: %s', async (_name, optimiser, kind, rate, tolerance) => {
    const values = valuesOf(method(), host);
    const end = await afterOneStep(method(), values, optimiser(), rate);
    const shared = { host, method: method(), contrasts: binaryContrast };
    const moved = await lineariseOutputs({ ...shared, start: values, end, texts });
    const gram = await gradientGram({ ...shared, parameters: values, rows: texts.slice(0, 1), columns: texts, kind });
    const predicted = gram.values.map((value) => -rate * value);
    const change = moved.end.map((value, i) => value - moved.start[i]!);
    expect(difference(change, predicted)).toBeLessThan(tolerance);
    // Invariant 14: the central difference is the product of the gradient with the displacement.
    expect(
      difference(
        moved.linear.map((value, i) => value - moved.start[i]!),
        predicted,
      ),
    ).toBeLessThan(tolerance);
  });
});

describe('linearised outputs', () => {
  it('are exact for what is linear in its parameters, and those of the start for no move', async () => {
    const method = withHead(undefined);
    const [start, end] = [valuesOf(method, host, 1), valuesOf(method, host, 9, 1)];
    const { linear, end: exact, start: before } = await lineariseOutputs({ host, method, start, end, texts });
    expect(difference(linear, exact)).toBeLessThan(1e-4);
    const still = await lineariseOutputs({ host, method, start, end: start, texts });
    expect(still.linear).toEqual(before);
    await expect(lineariseOutputs({ host, method, start, end: new Map(), texts })).rejects.toMatchObject({
      code: 'LINEARISATION_MISMATCH',
    });
  });
});

describe('linearised outputs of what is not linear', () => {
  // Invariant 14: the central difference is the product of gradients, one backward pass each, with the displacement.
  it('move by the product of gradients and displacement', async () => {
    const method = withHead(lora({ rank: 2 }));
    const [start, end] = [valuesOf(method, host, 1), valuesOf(method, host, 9)];
    const wrt = method.plan(host.spec).raw.map(({ name }) => name);
    const { linear, start: before } = await lineariseOutputs({ host, method, start, end, texts });
    const moves = (await jacobian(host, method, start, texts, 2, wrt)).map((row) =>
      wrt.reduce((sum, name) => {
        const [from, to] = [start, end].map((values) => values.get(name)!.data as Float32Array) as [
          Float32Array,
          Float32Array,
        ];
        return row.get(name)!.reduce((total, slope, i) => total + slope * (to[i]! - from[i]!), sum);
      }, 0),
    );
    expect(
      difference(
        Array.from(linear, (value, i) => value - before[i]!),
        moves,
      ),
    ).toBeLessThan(5e-3);
  });
});

describe('scaled functions', () => {
  // Invariant 6, by a head whose weight counts three times.
  it('scale the kernels with the square, the factor itself and not at all', async () => {
    const method = withHead(lora({ rank: 2 }));
    const parameters = valuesOf(method, host);
    const request = {
      host,
      method,
      parameters,
      rows: texts,
      scope: (name: string) => name.startsWith('lora'),
      kinds: ['sgd', 'asymmetric-signgd', 'signgd'] as const,
      signThreshold: 0,
    };
    const once = await gradientGrams({ ...request, contrasts: binaryContrast });
    const thrice = await gradientGrams({ ...request, contrasts: [[-4, 4]] });
    const ratio = (kind: (typeof request.kinds)[number], factor: number) =>
      difference(
        thrice.get(kind)!.values,
        once.get(kind)!.values.map((value) => factor * value),
      );
    expect(ratio('sgd', 16)).toBeLessThan(1e-5);
    expect(ratio('asymmetric-signgd', 4)).toBeLessThan(1e-5);
    expect(ratio('signgd', 1)).toBe(0);
    const asymmetric = once.get('asymmetric-signgd')!;
    const sums = once.get('signgd')!;
    for (let i = 0; i < texts.length; i++) {
      // Invariants 4 and 5: the diagonals are the count of entries and their sum.
      expect(Number.isInteger(sums.values[i * texts.length + i])).toBe(true);
      expect(asymmetric.values[i * texts.length + i]!).toBeGreaterThan(0);
    }
  });
});

describe('low rank', () => {
  // Invariant 13.
  it('has no gradient in A while B is 0, and its kernel is that of the weight in the mean over A', async () => {
    const path = 'encoder.layer.1.attention.self.value';
    const rank = 4;
    const method = withHead(lora({ rank, alpha: rank, targets: [path] }));
    const plan = method.plan(host.spec);
    const base = valuesOf(withHead(undefined), host);
    const [down] = plan.raw.filter(({ name }) => name.endsWith('A') || /down|lora_A/i.test(name));
    const weight = await gradientGram({
      host,
      method: withHead(undefined),
      parameters: base,
      rows: texts,
      scope: () => false,
      tensors: hostTensors(host.spec, (tensor) => tensor.path === `${path}.weight`),
      contrasts: binaryContrast,
    });
    const seeds = Array.from({ length: 24 }, (_, seed) => seed);
    const kernels: Float64Array[] = [];
    for (const seed of seeds) {
      const own = initialValues(
        {
          raw: plan.raw.map((spec) =>
            spec.name === down!.name
              ? { ...spec, initial: { kind: 'normal', standardDeviation: 1 / Math.sqrt(rank) } }
              : spec,
          ),
          effective: [],
        },
        createStream(seed),
      );
      const parameters = new Map([...own, ...base]);
      const gram = await gradientGram({
        host,
        method,
        parameters,
        rows: texts,
        scope: (name) => name.startsWith('lora'),
        groupOf: (name) => name,
        contrasts: binaryContrast,
      });
      expect(Math.max(...gram.groups.get(down!.name)!.map(Math.abs))).toBe(0);
      kernels.push(gram.values);
    }
    const mean = weight.values.map((_, i) => kernels.reduce((sum, values) => sum + values[i]!, 0) / kernels.length);
    const deviation = (values: ArrayLike<number>) =>
      Math.hypot(...Array.from(values, (value, i) => value - weight.values[i]!)) / Math.hypot(...weight.values);
    const single = kernels.reduce((sum, values) => sum + deviation(values), 0) / kernels.length;
    expect(deviation(mean)).toBeLessThan(0.5 * single);
    expect(deviation(mean)).toBeLessThan(0.35);
  });
});
