import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  combineAdapters,
  compose,
  composeDefinition,
  type Context,
  countParameters,
  createRegistry,
  createStream,
  evaluationContext,
  head,
  headDefinition,
  type Host,
  initialValues,
  loadAdapter,
  mergeAdapter,
  type Parameters,
  type PeftMethod,
  runAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import type { SublayerAdapter } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { minilmSpec } from '../test/encoder-spec.js';
import { largest, randomLike, smallHost, someInputs } from '../test/random-host.js';
import { adapter, adapterDefinition } from './adapter.js';
import type { AdapterOptions } from './config.js';
import { doubleSeqBnConfig, parBnConfig, seqBnConfig } from './presets.js';

useTestBackend();

const seed = createStream(5);
const presets = { seqBnConfig, doubleSeqBnConfig, parBnConfig };
let host: Host;
beforeAll(async () => {
  host = await smallHost();
});
afterAll(() => host.dispose());

const start = (method: PeftMethod): Parameters => toParameters(initialValues(method.plan(host.spec), seed));
const hiddenStates = (method: PeftMethod, effective: Parameters, mode: Context['mode'] = 'evaluate') => {
  const context = { ...evaluationContext(host.spec, 2), mode };
  return host.forward(someInputs(), method.intervene(effective, context), context).lastHiddenState;
};
const bare = () => host.forward(someInputs(), [], evaluationContext(host.spec, 2)).lastHiddenState;
const onlyAdapter = (method: PeftMethod, effective: Parameters) =>
  method.intervene(effective, evaluationContext(host.spec, 2))[0] as SublayerAdapter;
/** Not read by any adapter of this package. */
const noMask = () => tf.tensor2d([[1]], [1, 1], 'int32');

describe('adapter', () => {
  it('counts as published on MiniLM', () => {
    const count = (config: AdapterOptions) => countParameters(adapter(config).plan(minilmSpec)).trainable;
    expect(count(seqBnConfig())).toBe(113_040);
    expect(count(doubleSeqBnConfig())).toBe(226_080);
    expect(count(parBnConfig())).toBe(888_192);
    expect(count({})).toBe(113_040);
    expect(count(seqBnConfig({ bottleneckSize: 48 }))).toBe(6 * (2 * 384 * 48 + 48 + 384));
    expect(count({ layers: [1, 4], scale: 'learned' })).toBe(2 * (2 * 384 * 24 + 24 + 384 + 1));
    expect(count({ layers: [0], scale: 'channel' })).toBe(2 * 384 * 24 + 24 + 384 + 384);
    expect(count({ layers: [0], reductionFactor: 1000 })).toBe(2 * 384 + 1 + 384);
  });

  it.each(Object.entries(presets))('%s starts as the identity, exactly', async (_name, preset) => {
    const method = adapter(preset({ reductionFactor: 2 }));
    expect(await largest(hiddenStates(method, start(method)).sub(bare()))).toBe(0);
    const wide = adapter(preset({ reductionFactor: 2, initialisation: 'bert' }));
    expect(await largest(hiddenStates(wide, start(wide)).sub(bare()))).toBeGreaterThan(1e-5);
  });

  it('computes what the equation says, with two tokens by hand', async () => {
    const apply = (config: AdapterOptions, x: number[][]) => {
      const method = adapter({ layers: [0], bottleneckSize: 1, ...config });
      const effective = new Map<string, tf.Tensor>([
        ['adapter.encoder.layer.0.output.down.weight', tf.tensor2d([[1], [2]])],
        ['adapter.encoder.layer.0.output.down.bias', tf.tensor1d([-1])],
        ['adapter.encoder.layer.0.output.up.weight', tf.tensor2d([[3, -1]])],
        ['adapter.encoder.layer.0.output.up.bias', tf.tensor1d([0.5, 0.25])],
        ['adapter.encoder.layer.0.output.scale', tf.tensor1d([10])],
      ]);
      return onlyAdapter(method, effective)
        .apply(tf.tensor3d([x]), noMask())
        .array() as Promise<number[][][]>;
    };
    // x · down + b is 1 + 4 - 1 = 4 for the first token and -1 + 0 - 1 = -2, zero after ReLU, for the second.
    const x = [
      [1, 2],
      [-1, 0],
    ];
    const delta = [
      [12.5, -3.75],
      [0.5, 0.25],
    ];
    const plus = (scale: number, y: number) => delta.map((row, t) => row.map((d, i) => scale * d + y * x[t]![i]!));
    expect(await apply({}, x)).toEqual([plus(1, 1)]);
    expect(await apply({ scale: 4 }, x)).toEqual([plus(4, 1)]);
    expect(await apply({ placement: 'parallel', scale: 4 }, x)).toEqual([plus(4, 0)]);
    expect(await apply({ scale: 'learned' }, x)).toEqual([plus(10, 1)]);
  });

  it.each([
    ['relu', [0, 0, 1.5]],
    ['gelu', [-0.0455003, 0, 1.3997892]],
    ['gelu_new', [-0.0454023, 0, 1.399572]],
    ['swish', [-0.238406, 0, 1.226361]],
    ['tanh', [-0.964028, 0, 0.905148]],
    ['sigmoid', [0.119203, 0.5, 0.817574]],
    ['leaky_relu', [-0.02, 0, 1.5]],
    ['identity', [-2, 0, 1.5]],
  ] as const)('%s is the function of that name', async (activation, wanted) => {
    const method = adapter({ layers: [0], bottleneckSize: 1, placement: 'parallel', activation });
    const name = (key: string) => `adapter.encoder.layer.0.output.${key}`;
    const one = new Map<string, tf.Tensor>([
      [name('down.weight'), tf.ones([1, 1])],
      [name('down.bias'), tf.zeros([1])],
      [name('up.weight'), tf.ones([1, 1])],
      [name('up.bias'), tf.zeros([1])],
    ]);
    const output = onlyAdapter(method, one).apply(tf.tensor3d([[[-2], [0], [1.5]]]), noMask());
    (await output.data()).forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 4));
  });

  it('acts before residual and LayerNorm: an adapter that is nothing but a bias is a bias of the map before it', async () => {
    const bias = tf.randomNormal([8], 0, 1, 'float32', 1);
    for (const placement of ['sequential', 'normed', 'parallel'] as const)
      for (const [place, path] of [
        ['attention', 'encoder.layer.1.attention.output'],
        ['feedForward', 'encoder.layer.1.output'],
      ] as const) {
        const method = adapter({ placement, places: [place], layers: [1] });
        const effective = new Map(start(method)).set(`adapter.${path}.up.bias`, bias);
        const context = evaluationContext(host.spec, 2);
        const dense = `${path}.dense`;
        const wanted = host.forward(someInputs(), [{ kind: 'biasDelta', path: dense, delta: bias }], context);
        const found = hiddenStates(method, effective);
        expect(await largest(found.sub(wanted.lastHiddenState))).toBeLessThan(1e-5);
        expect(await largest(found.sub(bare()))).toBeGreaterThan(0.1);
      }
  });

  it('beside or behind, is the same where the sublayer is the identity', async () => {
    const [behind, beside] = (['sequential', 'parallel'] as const).map((placement) =>
      adapter({ placement, layers: [0], activation: 'identity', scale: 3 }),
    );
    const effective = randomLike(start(behind!));
    const y = tf.randomNormal([2, 3, 8], 0, 1, 'float32', 2);
    const sequential = onlyAdapter(behind!, effective).apply(y, noMask());
    const parallel = y.add(onlyAdapter(beside!, effective).apply(y, noMask()));
    expect(await largest(sequential.sub(parallel))).toBe(0);
  });

  it.each(Object.entries(presets))('%s gives each example its own adapter', async (_name, preset) => {
    const method = adapter(preset({ scale: 'channel', reductionFactor: 2 }));
    const both = [randomLike(start(method)), new Map(start(method))] as const;
    const stacked = new Map([...both[0]].map(([name, first]) => [name, tf.stack([first, both[1].get(name)!])]));
    const together = hiddenStates(method, stacked);
    for (const example of [0, 1]) {
      const alone = hiddenStates(method, both[example]!);
      const difference = together.slice([example, 0, 0], [1, -1, -1]).sub(alone.slice([example, 0, 0], [1, -1, -1]));
      expect(await largest(difference)).toBeLessThan(1e-5);
    }
    // One of the parameters alone may have the axis.
    const bias = 'adapter.encoder.layer.0.output.up.bias';
    const mixed = new Map(both[0]).set(bias, tf.stack([both[0].get(bias)!, both[0].get(bias)!]));
    const shared = hiddenStates(method, both[0]);
    expect(await largest(hiddenStates(method, mixed).sub(shared))).toBeLessThan(1e-6);
  });

  it.each([
    ['sequential', 'gelu'],
    ['parallel', 'swish'],
    ['sequential', 'gelu_new'],
    ['parallel', 'tanh'],
    ['sequential', 'leaky_relu'],
  ] as const)('%s, %s: gradients agree with finite differences', async (placement, activation) => {
    const method = adapter({
      placement,
      activation,
      places: ['attention', 'feedForward'],
      layers: [0],
      bottleneckSize: 3,
      scale: 'channel',
    });
    const point = randomLike(start(method));
    const names = [...point.keys()];
    const weights = tf.randomNormal(bare().shape, 0, 1, 'float32', 9);
    const loss = (...tensors: tf.Tensor[]): tf.Scalar =>
      tf.tidy(() =>
        hiddenStates(method, new Map(names.map((name, i) => [name, tensors[i]!])))
          .mul(weights)
          .mean(),
      );
    const tensors = names.map((name) => point.get(name)!);
    const gradients = tf.grads(loss)(tensors);
    for (const [axis, tensor] of tensors.entries()) {
      const direction = tf.randomNormal(tensor.shape, 0, 1, 'float32', 50 + axis);
      const unit = direction.div(direction.norm());
      const at = async (step: number) =>
        (await loss(...tensors.map((x, i) => (i === axis ? x.add(unit.mul(step)) : x))).data())[0]!;
      const difference = async (step: number) => (await at(step)) - (await at(-step));
      const slope = (8 * (await difference(2e-2)) - (await difference(4e-2))) / (12 * 2e-2);
      const found = (await gradients[axis]!.mul(unit).sum().data())[0]!;
      const size = (await gradients[axis]!.norm().data())[0]!;
      expect(size).toBeGreaterThan(1e-4);
      expect(Math.abs(found - slope)).toBeLessThan(2e-2 * Math.max(Math.abs(slope), size / Math.sqrt(tensor.size)));
    }
  });

  it('drops out in training alone, the same for the same stream', async () => {
    const method = adapter({ dropout: 0.5, reductionFactor: 2 });
    const effective = randomLike(start(method));
    const evaluated = hiddenStates(method, effective);
    expect(await largest(hiddenStates(method, effective, 'sample').sub(evaluated))).toBe(0);
    const trained = hiddenStates(method, effective, 'train');
    expect(await largest(trained.sub(evaluated))).toBeGreaterThan(0.1);
    expect(await largest(hiddenStates(method, effective, 'train').sub(trained))).toBe(0);
  });

  it('leaks no tensors', () => {
    const method = adapter({ scale: 'learned' });
    const effective = start(method);
    const before = tf.memory().numTensors;
    tf.tidy(() => void hiddenStates(method, effective));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has no weight to merge into', async () => {
    const method = compose(adapter(), head({ labels: ['a', 'b'] }));
    const effective = start(method);
    const trained: Adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    await expect(mergeAdapter(host, trained)).rejects.toMatchObject({
      code: 'NOT_MERGEABLE',
      message: expect.stringContaining('BOTTLENECK_ADAPTER'),
    });
    const { host: merged, rest } = await mergeAdapter(host, trained, { rest: 'keep' });
    expect(rest!.method.namespaces).toEqual(['adapter', 'head']);
    expect(await largest(runAdapter(merged, rest!, someInputs()).logits!.sub(logitsOf(trained)))).toBe(0);
    merged.dispose();
  });

  it('comes back from its files as it was', async () => {
    const method = compose(adapter(parBnConfig({ scale: 'learned', layers: [1] })), head({ labels: ['a', 'b'] }));
    const trained = { method, effective: randomLike(start(method)), hostFingerprint: host.spec.fingerprint };
    const files = await saveAdapter(trained, host);
    const registry = createRegistry(adapterDefinition, composeDefinition, headDefinition);
    const loaded = await loadAdapter(files, host, registry);
    expect(loaded.method.parts![0]!.config).toEqual(method.parts![0]!.config);
    expect(await logitsOf(loaded).data()).toEqual(await logitsOf(trained).data());
  });

  it('averages adapters of one kind', async () => {
    const method = adapter({ layers: [0] });
    const members = [randomLike(start(method)), start(method)].map((effective, i) => ({
      adapter: { method, effective, hostFingerprint: host.spec.fingerprint },
      weight: i === 0 ? 3 : 1,
    }));
    const { effective } = await combineAdapters(members, host.spec);
    const [first, second] = members.map((member) => member.adapter.effective);
    for (const [name, tensor] of effective) {
      const wanted = first!.get(name)!.mul(0.75).add(second!.get(name)!.mul(0.25));
      expect(await largest(tensor.sub(wanted))).toBeLessThan(1e-6);
    }
    const byType = { BOTTLENECK_ADAPTER: { strategy: 'ties' } };
    await expect(combineAdapters(members, host.spec, { byType })).rejects.toMatchObject({
      code: 'COMBINE_STRATEGY_UNKNOWN',
    });
    const other = { ...members[1]!.adapter, method: adapter({ layers: [0], activation: 'tanh' }) };
    await expect(combineAdapters([members[0]!, { adapter: other, weight: 1 }], host.spec)).rejects.toMatchObject({
      code: 'COMBINE_MISMATCH',
    });
  });

  it('refuses what cannot be', () => {
    expect(() => adapter({ reductionFactor: 2, bottleneckSize: 4 })).toThrow(/not both/);
    expect(() => adapter({ reduction_factor: 2 } as never)).toThrow(/did you mean "reductionFactor"/);
    expect(() => adapter({ layers: [2] }).plan(host.spec)).toThrow(
      expect.objectContaining({ code: 'TARGET_UNMATCHED' }),
    );
    const bald = { ...host.spec, sites: host.spec.sites.filter(({ kind }) => kind !== 'sublayer') };
    expect(() => adapter().plan(bald)).toThrow(expect.objectContaining({ code: 'SITE_MISSING' }));
  });
});

const logitsOf = (trained: Adapter) => runAdapter(host, trained, someInputs()).logits!;
