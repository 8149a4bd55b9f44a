import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { adapter } from '@tfjs-peft/adapter';
import { ia3 } from '@tfjs-peft/ia3';
import { lora } from '@tfjs-peft/lora';
import {
  type Adapter,
  compose,
  createStream,
  head,
  type HeadConfig,
  initialValues,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { type Intervention, type Interventions } from '@tfjs-peft/peft-core/interventions';
import { prefix } from '@tfjs-peft/prefix';
import { prompt } from '@tfjs-peft/prompt';
import { subspace } from '@tfjs-peft/subspace';
import { createRandomHost, type EncoderHost } from '@tfjs-peft/transformer';
import { unipelt } from '@tfjs-peft/unipelt';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { largestDifference, type Rows, runGraph, runHere } from '../../../tools/jest/run-graph.js';
import { exportOnnx } from './export-onnx.js';

useTestBackend();

const modelTypes = ['bert', 'roberta', 'distilbert'] as const;
/** Families that the graph has further nodes for: a sample of methods is enough. */
const otherTypes = ['electra', 'mpnet', 'albert', 'deberta-v2', 'modernbert'] as const;
const hosts = new Map<string, EncoderHost>();
beforeAll(async () => {
  for (const modelType of [...modelTypes, ...otherTypes]) hosts.set(modelType, await createRandomHost({ modelType }));
});
afterAll(() => hosts.forEach((host) => host.dispose()));

/** Texts without padding, with padding on the right and on the left; token types in the first two. */
const rowsFor = ({ spec: { padTokenId: pad } }: EncoderHost): Rows => ({
  ids: [
    [5, 9, 17, 23, 31, 8, 6],
    [12, 40, 41, 7, pad, pad, pad],
    [pad, pad, pad, pad, pad, 50, 61],
  ],
  mask: [
    [1, 1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 0, 0, 0],
    [0, 0, 0, 0, 0, 1, 1],
  ],
  types: [
    [0, 0, 0, 1, 1, 1, 1],
    [0, 1, 1, 1, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0],
  ],
});

/** With numbers that are no initial values. */
function trained(method: PeftMethod, host: EncoderHost): Adapter {
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(3)));
  const effective = [...effectiveParameters(method, raw, host.spec)].map(([name, tensor], index) => {
    const noise = tf.randomNormal(tensor.shape, 0, 0.2, 'float32', index + 1);
    return [name, tensor.add(noise)] as const;
  });
  return { method, effective: new Map(effective), hostFingerprint: host.spec.fingerprint };
}

const withHead = (method: PeftMethod, options: Partial<HeadConfig> = {}) =>
  compose(method, head({ labels: ['a', 'b', 'c'], readout: 'cls', ...options }));

async function expectSame(host: EncoderHost, made: Adapter, dtype?: 'f16', tolerance = 1e-5): Promise<Uint8Array> {
  const before = tf.memory().numTensors;
  const { bytes, inputs } = await exportOnnx(host, made, dtype ? { dtype } : {});
  // A host cuts queries, keys and values out of one tensor when they are first asked for, and keeps them.
  expect(tf.memory().numTensors - before).toBeLessThanOrEqual(6 * host.config.numHiddenLayers);
  const hasTypes = ['bert', 'electra', 'albert'].includes(host.config.modelType);
  expect(inputs).toEqual(['input_ids', 'attention_mask', ...(hasTypes ? ['token_type_ids'] : [])]);
  const rows = rowsFor(host);
  const expected = await runHere(host, made, rows);
  expect(largestDifference(await runGraph(bytes, rows), expected)).toBeLessThan(tolerance);
  const alone = { ids: rows.ids.slice(1, 2), mask: rows.mask.slice(1, 2), types: rows.types.slice(1, 2) };
  expect(largestDifference(await runGraph(bytes, alone), expected.slice(3, 6))).toBeLessThan(tolerance);
  return bytes;
}

const methods: readonly (readonly [string, () => PeftMethod])[] = [
  ['LoRA', () => withHead(lora())],
  ['DoRA of all maps', () => withHead(lora({ targets: 'all-linear', dora: true }), { readout: 'mean' })],
  ['a prefix', () => withHead(prefix({ prefixLength: 3, mlpHiddenSize: 16 }))],
  [
    'a prefix of one layer that shifts positions',
    () =>
      withHead(prefix({ prefixLength: 3, reparametrisation: 'none', layers: [1], positionPolicy: 'shift' }), {
        readout: 'mean',
      }),
  ],
  ['a prompt', () => withHead(prompt({ length: 4 }))],
  ['a prompt under a mean', () => withHead(prompt({ length: 4 }), { readout: 'mean' })],
  ['IA3', () => withHead(ia3())],
  ['an adapter', () => withHead(adapter({ places: ['attention', 'feedForward'], scale: 'learned' }))],
  ['an adapter behind the LayerNorm', () => withHead(adapter({ placement: 'normed', activation: 'gelu' }))],
  ['an adapter beside', () => withHead(adapter({ placement: 'parallel', scale: 'channel', activation: 'leaky_relu' }))],
  ['a head with a dense layer', () => withHead(lora(), { hidden: 'relu' })],
  [
    'all of them',
    () =>
      withHead(
        compose(
          lora(),
          ia3(),
          prefix({ prefixLength: 2, reparametrisation: 'none', positionPolicy: 'shift' }),
          prompt({ length: 3 }),
          adapter(),
          adapter({ name: 'second', placement: 'parallel', activation: 'gelu_new', scale: 0.5 }),
        ),
        { hidden: 'tanh' },
      ),
  ],
  [
    'a simplex, as its midpoint',
    () => subspace(withHead(compose(lora(), prefix({ prefixLength: 3, mlpHiddenSize: 16 }))), { vertices: 3 }),
  ],
];

describe.each(otherTypes)('exportOnnx on %s', (modelType) => {
  it.each(methods.filter(([name]) => ['LoRA', 'all of them'].includes(name)))('writes %s', async (_name, make) => {
    const host = hosts.get(modelType)!;
    await expectSame(host, trained(make(), host));
  });

  it("writes the head of HF's classifier", async () => {
    const host = hosts.get(modelType)!;
    const { readout, hidden } = host.spec.classifier;
    const normalised = hidden?.norm === undefined ? {} : { normalised: true as const };
    const made = withHead(lora(), { readout, hidden: hidden?.activation ?? 'none', ...normalised });
    await expectSame(host, trained(made, host));
  });

  it('for texts of one token', async () => {
    const host = hosts.get(modelType)!;
    const made = trained(withHead(lora()), host);
    const rows = { ids: [[5], [9]], mask: [[1], [1]], types: [[0], [0]] };
    const { bytes } = await exportOnnx(host, made);
    expect(largestDifference(await runGraph(bytes, rows), await runHere(host, made, rows))).toBeLessThan(1e-5);
  });
});

describe.each(modelTypes)('exportOnnx on %s', (modelType) => {
  it.each(methods)('writes what the host computes with %s', async (_name, make) => {
    const host = hosts.get(modelType)!;
    await expectSame(host, trained(make(), host));
  });

  it('writes halves on request, half the size', async () => {
    const host = hosts.get(modelType)!;
    const made = trained(withHead(lora()), host);
    const { bytes: whole } = await exportOnnx(host, made);
    const bytes = await expectSame(host, made, 'f16', 3e-2);
    expect(bytes.length).toBeLessThan(0.75 * whole.length);
  });
});

describe('exportOnnx', () => {
  const bert = () => hosts.get('bert')!;

  it('reads a pooler', () => expectSame(bert(), trained(withHead(lora(), { readout: 'pooler' }), bert())));

  it('loses nothing on a host of halves, whose changed weights stay whole', async () => {
    const matrices = bert().spec.sites.flatMap((site) =>
      site.kind === 'tensor' && site.shape.length === 2 ? [site.path] : [],
    );
    const changes = new Map(
      matrices.map((path) => [path, tf.tidy(() => bert().weight(path).mul(256).round().div(256))] as const),
    );
    const host = await bert().withWeights(changes);
    const made = trained(withHead(lora()), host);
    await expectSame(host, made, 'f16');
    host.dispose();
  });

  it('refuses halves for a weight that they cannot hold', async () => {
    const path = 'encoder.layer.0.attention.self.query.weight';
    const { shape } = bert().weight(path);
    const numbers = Float32Array.from(await bert().weight(path).data());
    numbers[7] = 1e5;
    const host = await bert().withWeights(new Map([[path, tf.tensor(numbers, shape)]]));
    const made = trained(withHead(ia3()), host);
    expect((await exportOnnx(host, made)).bytes.length).toBeGreaterThan(0);
    await expect(exportOnnx(host, made, { dtype: 'f16' })).rejects.toMatchObject({
      code: 'TENSOR_NOT_NARROWABLE',
      text: { found: expect.stringContaining(`"${path}" holds 100000`) },
    });
    host.dispose();
  });

  const refused = async (made: Adapter, error: object) => expect(exportOnnx(bert(), made)).rejects.toMatchObject(error);

  it('refuses what is a function and no data, by the name of the method', async () => {
    await refused(trained(withHead(unipelt(compose(prefix({ prefixLength: 2 }), lora()))), bert()), {
      code: 'NOT_EXPORTABLE',
      text: { found: expect.stringMatching(/UNIPELT: a keyValuePrefix has a gate.*lowRankDelta has a gate/) },
    });
    const emitting = (...items: Interventions) => trained(withHead(fixed(items)), bert());
    const path = 'encoder.layer.0.attention.self.query';
    const square: Intervention = { kind: 'activationDelta', path, apply: (x) => x.square() };
    await refused(emitting(square), { code: 'NOT_EXPORTABLE', text: { found: expect.stringContaining('FIXED') } });
    const hidden: Intervention = { kind: 'hiddenDelta', path: 'encoder.layer.0', apply: (x) => x.square() };
    await refused(emitting(hidden), { code: 'NOT_EXPORTABLE' });
  });

  it('writes a declared function at the output of a layer, and notices where it is another one', async () => {
    const ones = (...shape: number[]) => tf.randomNormal(shape, 0, 0.3, 'float32', shape.length);
    const form = {
      down: ones(32, 4),
      downBias: ones(4),
      activation: 'tanh' as const,
      up: ones(4, 32),
      upBias: ones(32),
      scale: 0.5,
      addsInput: false,
    };
    const apply = (factor: number) => (x: tf.Tensor) =>
      tf
        .matMul(
          tf
            .matMul(x.reshape([-1, 32]), form.down)
            .add(form.downBias)
            .tanh(),
          form.up,
        )
        .add(form.upBias)
        .mul(factor)
        .reshape(x.shape);
    const item = (factor: number): Intervention => ({
      kind: 'hiddenDelta',
      path: 'encoder.layer.0',
      form,
      apply: apply(factor),
    });
    await expectSame(bert(), trained(withHead(fixed([item(0.5)])), bert()));
    await refused(trained(withHead(fixed([item(0.6)])), bert()), {
      code: 'NOT_EXPORTABLE',
      text: { found: expect.stringContaining('something else') },
    });
  });

  it('refuses an adapter without a head, or of another host', async () => {
    await refused(trained(lora(), bert()), { code: 'HEAD_MISSING' });
    await refused(
      { ...trained(withHead(lora()), bert()), hostFingerprint: 'other' },
      {
        code: 'ADAPTER_FOR_ANOTHER_HOST',
      },
    );
  });
});

/** A method without parameters that emits these. */
const fixed = (items: Interventions): PeftMethod => ({
  type: 'FIXED',
  config: {},
  namespaces: ['fixed'],
  plan: () => ({ raw: [], effective: [] }),
  intervene: () => items,
});
