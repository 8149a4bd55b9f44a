import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  compose,
  countParameters,
  createStream,
  disposeMerged,
  evaluationContext,
  type Host,
  type HostSpec,
  initialValues,
  mergeAdapter,
  type PeftMethod,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import { dynamicLowRankProduct } from '@tfjs-peft/peft-core/interventions';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { dynamicScaleDelta, kroneckerSum, scaleOf, tarp } from '../src/index.js';

useTestBackend();

const stream = createStream(7);
const random = (name: string, ...shape: number[]) =>
  tf.tensor(
    normals(
      substream(stream, name),
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );
const far = async (a: tf.Tensor, b: tf.Tensor) => (await a.sub(b).abs().max().data())[0]!;
/** Relative to the largest number of the second. */
const apart = async (a: tf.Tensor, b: tf.Tensor) => (await far(a, b)) / (await b.abs().max().data())[0]!;

let host: Host;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 8, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 12 });
});
afterAll(() => host.dispose());

/** A second one without a scale: two thin matrices added, as LoRA. */
const added = () => tarp({ form: 'bilinear', rank: 2, name: 'added' });

const inputs = () => ({
  inputIds: tf.tensor2d([[2, 3, 4, 5]], undefined, 'int32'),
  attentionMask: tf.ones([1, 4], 'int32') as tf.Tensor2D,
});
const statesOf = (at: Host, { method, effective }: Pick<Adapter, 'method' | 'effective'>): tf.Tensor =>
  at.forward(inputs(), method.intervene(effective, evaluationContext(at.spec, 1)), evaluationContext(at.spec, 1))
    .lastHiddenState;
const started = (method: PeftMethod) => toParameters(initialValues(method.plan(host.spec), stream));
const trained = (method: PeftMethod): Adapter => ({
  method,
  effective: new Map(
    [...started(method)].map(([name, value]) => [name, value.add(random(name, ...value.shape).mul(0.2))]),
  ),
  hostFingerprint: host.spec.fingerprint,
});

describe('a scale', () => {
  it.each(['softplus', 'linear'] as const)('%s is one where the factors are zero', async (kind) => {
    expect(await far(scaleOf(kind, tf.zeros([3, 5])), tf.ones([3, 5]))).toBeLessThan(1e-6);
  });

  it("of the authors' start is ln 2: it would scale the host by 0.69 a layer", async () => {
    expect((await tf.softplus(tf.zeros([1])).data())[0]).toBeCloseTo(0.6931, 4);
  });

  it('multiplies the weight alone, not the shift beside it', async () => {
    const method = tarp({ form: 'bilinear', rank: 2, scale: 'softplus', targets: ['layer.0.attention.self.query'] });
    const adapter = trained(method);
    const [site] = host.spec.sites.filter(({ path }) => path.endsWith('layer.0.attention.self.query'));
    const find = (key: string) => adapter.effective.get(`tarp.${site!.path}.${key}`)!;
    const weight = host
      .weight(`${site!.path}.weight`)
      .mul(scaleOf('softplus', tf.matMul(find('scaleDown'), find('scaleUp'))))
      .add(tf.matMul(find('shiftDown'), find('shiftUp')));
    const { host: merged } = await mergeAdapter(host, adapter);
    expect(await far(merged.weight(`${site!.path}.weight`), weight)).toBeLessThan(1e-6);
    merged.dispose();
  });
});

describe('static forms', () => {
  it('a Kronecker product has blocks H[i, j] · M', async () => {
    const [h, u, v] = [random('h', 3, 3, 3), random('u', 3, 2, 2), random('v', 3, 2, 4)];
    const found = kroneckerSum(h, u, v);
    expect(found.shape).toEqual([6, 12]);
    const [sum, blocks, factors] = [await found.array(), (await h.array()) as number[][][], tf.matMul(u, v)];
    const inner = (await factors.array()) as number[][][];
    for (const [i, a, j, b] of [
      [0, 0, 0, 0],
      [2, 1, 0, 3],
      [1, 0, 2, 2],
    ] as const) {
      const wanted = [0, 1, 2].reduce((total, k) => total + blocks[k]![i]![j]! * inner[k]![a]![b]!, 0);
      expect(sum[i * 2 + a]![j * 4 + b]).toBeCloseTo(wanted, 4);
    }
  });

  it('with one block of one, it is the bilinear form', async () => {
    const [u, v] = [random('u1', 1, 6, 2), random('v1', 1, 2, 5)];
    expect(await far(kroneckerSum(tf.ones([1, 1, 1]), u, v), tf.matMul(u, v).squeeze([0]))).toBe(0);
  });

  it('blocks that do not divide a map are refused', () => {
    expect(() => tarp({ form: 'kronecker', blocks: 5 }).plan(host.spec)).toThrow(
      expect.objectContaining({ code: 'TARGET_MISSHAPEN' }),
    );
  });

  it('a pattern that names nothing is refused', () => {
    expect(() => tarp({ targets: ['querry'] }).plan(host.spec)).toThrow(
      expect.objectContaining({ code: 'TARGET_UNMATCHED' }),
    );
  });

  it('a static and a dynamic scale exclude each other', () => {
    expect(() => tarp({ scale: 'linear', dynamicScale: true })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});

describe('a dynamic shift', () => {
  const factors = () => ({ down: random('down', 6, 2), core: random('core', 6, 4), up: random('up', 2, 5) });

  it('is what a loop over the tokens gives', async () => {
    const [x, { down, core, up }] = [random('x', 1, 3, 6), factors()];
    const rows = tf.unstack(x.squeeze([0])).map((token) => {
      const row = token.expandDims(0);
      const s = tf.matMul(row, core).reshape([2, 2]);
      return tf.matMul(tf.matMul(s, tf.matMul(row, down).transpose()).transpose(), up);
    });
    expect(await apart(dynamicLowRankProduct(x, { down, core, up }).squeeze([0]), tf.concat(rows))).toBeLessThan(1e-5);
  });

  it('is a quadratic form: shift(c x) = c² shift(x)', async () => {
    const x = random('x', 2, 3, 6);
    expect(
      await apart(dynamicLowRankProduct(x.mul(-3), factors()), dynamicLowRankProduct(x, factors()).mul(9)),
    ).toBeLessThan(1e-5);
  });

  it('with S(x) = I it is the bilinear form', async () => {
    const { down, up } = factors();
    // A constant input makes a constant S.
    const x = tf.concat([random('x', 1, 3, 5), tf.ones([1, 3, 1])], 2);
    const core = tf.concat([tf.zeros([5, 4]), tf.tensor2d([[1, 0, 0, 1]])]);
    expect(await apart(dynamicLowRankProduct(x, { down, core, up }), product(x, tf.matMul(down, up)))).toBeLessThan(
      1e-5,
    );
  });

  it('treats tokens and examples apart', async () => {
    const x = random('x', 2, 3, 6);
    const whole = dynamicLowRankProduct(x, factors());
    expect(await far(dynamicLowRankProduct(x.reverse(1), factors()), whole.reverse(1))).toBeLessThan(1e-5);
    expect(await far(dynamicLowRankProduct(x.slice([1], [1]), factors()), whole.slice([1], [1]))).toBeLessThan(1e-5);
  });

  it("equals the authors' GPT-2 form with S transposed, and differs from it otherwise", async () => {
    const [x, { down, core, up }] = [random('x', 1, 3, 6), factors()];
    const formB = (s: tf.Tensor) => {
      const narrow = product(x, down);
      const rows = product(x, s).reshape([1, 3, 2, 2]);
      // a' = aᵀ S
      return product(narrow.expandDims(-1).mul(rows).sum(2), up);
    };
    const transposed = core.reshape([6, 2, 2]).transpose([0, 2, 1]).reshape([6, 4]);
    const formA = dynamicLowRankProduct(x, { down, core, up });
    expect(await apart(formA, formB(transposed))).toBeLessThan(1e-5);
    expect(await apart(formA, formB(core))).toBeGreaterThan(1e-2);
  });
});

describe('a dynamic scale', () => {
  it('is what one weight a token gives', async () => {
    const [x, w] = [random('x', 1, 3, 6), random('w', 6, 5)];
    const factors = { down: random('down', 6, 2), core: random('core', 6, 4), up: random('up', 2, 5) };
    const rows = tf.unstack(x.squeeze([0])).map((token) => {
      const row = token.expandDims(0);
      const s = tf.matMul(row, factors.core).reshape([2, 2]);
      return tf.matMul(row, w.mul(tf.matMul(tf.matMul(factors.down, s), factors.up)));
    });
    expect(await apart(dynamicScaleDelta(x, w, factors).squeeze([0]), tf.concat(rows))).toBeLessThan(1e-5);
  });
});

describe('merging', () => {
  it.each([
    ['bilinear', { form: 'bilinear', rank: 2, scale: 'softplus' }],
    ['Kronecker', { form: 'kronecker', rank: 1, blocks: 2, scale: 'linear' }],
  ] as const)('%s: merged is unmerged, and the base stays', async (_, config) => {
    const adapter = trained(tarp(config));
    const merged = await mergeAdapter(host, adapter);
    expect(merged.rest).toBeNull();
    const context = evaluationContext(merged.host.spec, 1);
    expect(await far(merged.host.forward(inputs(), [], context).lastHiddenState, statesOf(host, adapter))).toBeLessThan(
      1e-4,
    );
    expect(merged.base).toBe(host);
    disposeMerged(merged, adapter);
  });

  it('of a dynamic form is refused by name; asked to keep the rest, only the scale goes into the weights', async () => {
    const adapter = trained(tarp({ rank: 2, scale: 'softplus' }));
    await expect(mergeAdapter(host, adapter)).rejects.toMatchObject({
      code: 'NOT_MERGEABLE',
      message: expect.stringContaining('TARP acts through dynamicLowRankDelta'),
    });
    const merged = await mergeAdapter(host, adapter, { rest: 'keep' });
    expect(merged.rest!.method.config).toMatchObject({ form: 'dynamic', scale: 'none' });
    expect([...merged.rest!.effective.keys()].filter((name) => name.includes('.scale'))).toEqual([]);
    expect(await far(statesOf(merged.host, merged.rest!), statesOf(host, adapter))).toBeLessThan(1e-4);
    disposeMerged(merged, adapter);
  });

  it('nothing goes into a weight that a dynamic scale is a function of', async () => {
    const method = compose(tarp({ rank: 2, dynamicScale: true }), added());
    const adapter = trained(method);
    await expect(mergeAdapter(host, adapter, { rest: 'keep' })).rejects.toMatchObject({
      code: 'NOT_MERGEABLE',
      message: expect.stringContaining('dynamicWeightDelta'),
    });
  });

  it('beside a low-rank delta at the same maps, in either order, it computes the same', async () => {
    const parts = [tarp({ form: 'bilinear', rank: 2, scale: 'softplus' }), added()];
    const adapter = trained(compose(...parts));
    const other = { ...adapter, method: compose(...[...parts].reverse()) };
    expect(await far(statesOf(host, adapter), statesOf(host, other))).toBeLessThan(1e-5);
    const merged = await mergeAdapter(host, adapter);
    const context = evaluationContext(merged.host.spec, 1);
    expect(await far(merged.host.forward(inputs(), [], context).lastHiddenState, statesOf(host, adapter))).toBeLessThan(
      1e-4,
    );
    disposeMerged(merged, adapter);
  });
});

describe('numbers', () => {
  /** Sites of the affine maps of a host; a plan needs no more. */
  const hostWith = (layers: number, maps: readonly (readonly [inputs: number, outputs: number])[]): HostSpec => ({
    ...host.spec,
    sites: Array.from({ length: layers }, (_, layer) =>
      maps.map(([inputSize, outputSize], index) => ({
        kind: 'linear' as const,
        path: `layer.${layer}.map.${index}`,
        role: 'query' as const,
        layer,
        inputSize,
        outputSize,
      })),
    ).flat(),
  });
  const gpt2Medium = () =>
    hostWith(24, [
      [1024, 3072],
      [1024, 1024],
      [1024, 4096],
      [4096, 1024],
    ]);
  const minilm = () =>
    hostWith(6, [
      [384, 384],
      [384, 384],
      [384, 384],
      [384, 384],
      [384, 1536],
      [1536, 384],
    ]);

  it.each([
    ['dynamic with a static scale', { scale: 'softplus' }, 5_898_240, 663_552],
    ['dynamic', {}, 4_325_376, 497_664],
    ['bilinear', { form: 'bilinear', scale: 'softplus' }, 3_145_728, 331_776],
    ['bilinear without a scale, as many as LoRA', { form: 'bilinear' }, 1_572_864, 165_888],
  ] as const)('of %s TARP are those of the formulas', (_, config, ofGpt2, ofMinilm) => {
    const count = (on: HostSpec) => countParameters(tarp({ rank: 4, ...config }).plan(on)).trainable;
    expect([count(gpt2Medium()), count(minilm())]).toEqual([ofGpt2, ofMinilm]);
  });

  it('of Kronecker TARP are 2 (r (in + out) + n³), of two dynamic parts 2 (r² in + r (in + out))', () => {
    const one = hostWith(1, [[8, 12]]);
    const count = (config: Parameters<typeof tarp>[0]) => countParameters(tarp(config).plan(one)).trainable;
    expect(count({ form: 'kronecker', rank: 3, blocks: 4, scale: 'linear' })).toBe(2 * (3 * 20 + 64));
    expect(count({ rank: 3, dynamicScale: true })).toBe(2 * (9 * 8 + 3 * 20));
  });
});

const product = (x: tf.Tensor, matrix: tf.Tensor) =>
  tf.matMul(x.reshape([-1, x.shape.at(-1)!]), matrix).reshape([...x.shape.slice(0, -1), matrix.shape[1]!]);
