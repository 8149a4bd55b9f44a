import { describe, expect, it } from '@jest/globals';
import {
  createRegistry,
  createStream,
  evaluationContext,
  initialValues,
  loadAdapter,
  type NamedArray,
  readParameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import { type AdapterHubPart, type JsonObject, writeSafetensors } from '@tfjs-peft/peft-core/files';
import type { SublayerAdapter } from '@tfjs-peft/peft-core/interventions';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { encoderSpec } from '../test/encoder-spec.js';
import { adapter, adapterDefinition } from './adapter.js';
import { adapterHubFormat, toAdapterHub } from './adapter-hub.js';
import { type AdapterOptions, floorDivide } from './config.js';
import { doubleSeqBnConfig, parBnConfig, seqBnConfig } from './presets.js';
import { writeBottleneckConfig } from './write-hub-config.js';

useTestBackend();

const tiny = encoderSpec(3, 2);

/** As AdapterHub writes it for double_seq_bn, numbers apart. */
const doubleSeqBn: JsonObject = {
  adapter_residual_before_ln: false,
  cross_adapter: false,
  dropout: 0.0,
  factorized_phm_W: true,
  factorized_phm_rule: false,
  hypercomplex_nonlinearity: 'glorot-uniform',
  init_weights: 'bert',
  inv_adapter: null,
  inv_adapter_reduction_factor: null,
  is_parallel: false,
  learn_phm: true,
  leave_out: [],
  ln_after: false,
  ln_before: false,
  mh_adapter: true,
  non_linearity: 'swish',
  original_ln_after: true,
  original_ln_before: false,
  output_adapter: true,
  phm_bias: true,
  phm_c_init: 'normal',
  phm_dim: 4,
  phm_init_range: 0.0001,
  phm_layer: false,
  phm_rank: 1,
  reduction_factor: 1.5,
  residual_before_ln: true,
  scaling: 1.0,
  shared_W_phm: false,
  shared_phm_rule: true,
  stochastic_depth: 0.0,
  use_gating: false,
};
const part = (changes: JsonObject = {}, rest: Partial<AdapterHubPart> = {}): AdapterHubPart => ({
  config: { ...doubleSeqBn, ...changes },
  tensors: stored(),
  name: 'sst-2',
  version: 'adapters.1.2.0',
  inUnion: false,
  ...rest,
});
const read = (given: AdapterHubPart, host = tiny) => {
  expect(adapterHubFormat.reads(given.config)).toBe(true);
  const { config, effective } = adapterHubFormat.read(given, host);
  return { config: adapter(config).config, effective };
};

/** Numbers that tell every place of a tensor apart. */
const counting = (shape: readonly number[], start: number): NamedArray => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => start + i / 8),
});
const modules = [0, 1].flatMap((layer) => [`encoder.layer.${layer}.attention.output`, `encoder.layer.${layer}.output`]);
const stored = (folder = 'adapters'): Map<string, NamedArray> =>
  new Map(
    modules.flatMap((path, index): [string, NamedArray][] => {
      const at = `${path}.${folder}.sst-2`;
      return [
        [`${at}.adapter_down.0.weight`, counting([2, 3], index)],
        [`${at}.adapter_down.0.bias`, counting([2], index + 0.5)],
        [`${at}.adapter_up.weight`, counting([3, 2], -index)],
        [`${at}.adapter_up.bias`, counting([3], index + 0.25)],
      ];
    }),
  );

describe('adapters of AdapterHub', () => {
  it('reads double_seq_bn: configuration, names and kernels as [input, output]', () => {
    const { config, effective } = read(part());
    expect(config).toEqual(
      adapter(doubleSeqBnConfig({ reductionFactor: 1.5, initialisation: 'bert', scale: 1 })).config,
    );
    expect(effective.get('adapter.encoder.layer.0.output.down.weight')).toEqual({
      shape: [3, 2],
      data: Float32Array.from([1, 1.375, 1.125, 1.5, 1.25, 1.625]),
    });
    expect([...effective.keys()].sort()).toEqual(
      adapter(config)
        .plan(tiny)
        .effective.map(({ name }) => name)
        .sort(),
    );
  });

  it('computes what torch computes from the stored tensors', async () => {
    const { config, effective } = read(part({ non_linearity: 'tanh' }));
    const method = adapter(config);
    const [first] = method.intervene(toParameters(effective), evaluationContext(tiny, 1)) as SublayerAdapter[];
    const y = [0.5, -1, 2];
    const found = await first!.apply(tf.tensor3d([[y]]), tf.tensor2d([[1]], [1, 1], 'int32')).data();
    const tensors = stored();
    const linear = (end: string, x: readonly number[]) => {
      const at = `${modules[0]}.adapters.sst-2.${end}`;
      const { data: weight } = tensors.get(`${at}.weight`)!;
      const { data: bias } = tensors.get(`${at}.bias`)!;
      return [...bias].map((b, o) => x.reduce((sum, value, i) => sum + value * weight[o * x.length + i]!, b));
    };
    const up = linear('adapter_up', linear('adapter_down.0', y).map(Math.tanh));
    found.forEach((value, i) => expect(value).toBeCloseTo(y[i]! + up[i]!, 5));
  });

  it('reads files with the names of old ones', () => {
    const old = { tensors: stored('layer_text_task_adapters'), version: null };
    expect(read(part({}, old)).effective).toEqual(read(part()).effective);
    // They call the tanh approximation gelu.
    expect(read(part({ non_linearity: 'gelu' }, old)).config.activation).toBe('gelu_new');
    expect(read(part({ non_linearity: 'gelu' })).config.activation).toBe('gelu');
  });

  it.each<[string, AdapterOptions]>([
    ['seq_bn', seqBnConfig()],
    ['par_bn', parBnConfig({ scale: 'learned', dropout: 0.25 })],
    ['double_seq_bn with two layers', doubleSeqBnConfig({ layers: [0, 2], scale: 'channel' })],
    ['a width that divides badly', doubleSeqBnConfig({ bottleneckSize: 3, reductionFactor: null, scale: 0.5 })],
  ])('loads what toAdapterHub gives: %s', async (_name, options) => {
    const host = encoderSpec(100, 3);
    const method = adapter(options);
    const effective = initialValues(method.plan(host), createStream(1));
    const { config, tensors } = toAdapterHub(method.config, effective, host, 'my-task');
    const files = new Map([
      ['adapter_config.json', new TextEncoder().encode(JSON.stringify(config))],
      ['adapter.safetensors', writeSafetensors(tensors)],
    ]);
    const noWeights = { spec: host, weight: () => tf.scalar(0) };
    const loaded = await loadAdapter(files, noWeights, createRegistry(adapterDefinition));
    const { placement, activation, scale, dropout } = method.config;
    expect(loaded.method.config).toMatchObject({ placement, activation, scale, dropout });
    expect(loaded.method.plan(host).effective).toEqual(method.plan(host).effective);
    const found = await readParameters(loaded.effective);
    for (const [name, { data }] of effective) expect([...found.get(name)!.data]).toEqual([...data]);
  });

  it('writes a reduction factor that gives back every width', () => {
    for (let width = 1; width <= 1024; width++) {
      const { reduction_factor: factor } = writeBottleneckConfig(
        adapter({ bottleneckSize: width }).config,
        encoderSpec(384, 1),
      );
      expect(floorDivide(384, factor as number)).toBe(width);
    }
  });

  it('knows the modules of DistilBERT', async () => {
    const host = await createRandomHost({ modelType: 'distilbert', numHiddenLayers: 1 });
    const method = adapter(doubleSeqBnConfig());
    const effective = initialValues(method.plan(host.spec), createStream(1));
    const { tensors } = toAdapterHub(method.config, effective, host.spec, 'a');
    expect([...tensors.keys()].filter((name) => name.endsWith('up.bias'))).toEqual([
      'distilbert.transformer.layer.0.attention_adapters.adapters.a.adapter_up.bias',
      'distilbert.transformer.layer.0.output_adapters.adapters.a.adapter_up.bias',
    ]);
    host.dispose();
  });

  it.each<[JsonObject, RegExp]>([
    [{ original_ln_before: true, residual_before_ln: false }, /residual_before_ln/],
    [{ original_ln_after: false }, /original_ln_after/],
    [{ ln_before: true }, /ln_before/],
    [{ ln_after: true }, /ln_after/],
    [{ use_gating: true }, /use_gating/],
    [{ phm_layer: true }, /phm_layer/],
    [{ inv_adapter: 'nice' }, /inv_adapter/],
    [{ residual_before_ln: 'post_add' }, /residual_before_ln/],
    [{ non_linearity: 'mish' }, /non_linearity/],
    [{ scaling: 'sometimes' }, /scaling/],
    [{ original_ln_befor: false }, /original_ln_before/],
  ])('refuses %j', (changes, message) => {
    const reading = () => read(part(changes));
    expect(reading).toThrow(expect.objectContaining({ code: 'CONFIG_KEY_UNSUPPORTED' }));
    expect(reading).toThrow(message);
  });

  it('reads seq_bn, the usual one of AdapterHub, as an adapter behind the LayerNorm', () => {
    expect(read(part({ original_ln_before: true, residual_before_ln: true })).config.placement).toBe('normed');
    expect(read(part()).config.placement).toBe('sequential');
  });

  it('ignores the LayerNorm entries of parallel adapters, which do not look at them', () => {
    const { config } = read(part({ is_parallel: true, original_ln_before: true }));
    expect(config.placement).toBe('parallel');
  });

  it('claims every tensor, needs every one and leaves other methods alone', () => {
    const reading = (change: (tensors: Map<string, NamedArray>) => void) => {
      const tensors = stored();
      change(tensors);
      return () => read(part({}, { tensors }));
    };
    const bias = 'encoder.layer.1.output.adapters.sst-2.adapter_up.bias';
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    expect(reading((tensors) => tensors.delete(bias))).toThrow(code('TENSOR_MISSING'));
    expect(reading((tensors) => tensors.set(bias, counting([4], 0)))).toThrow(code('TENSOR_MISSHAPEN'));
    expect(reading((tensors) => tensors.set('output.adapters.sst-2.gate.bias', counting([1], 0)))).toThrow(
      code('TENSOR_UNEXPECTED'),
    );
    expect(() => read(part({}, { name: 'mnli' }))).toThrow(code('TENSOR_MISSING'));
    expect(() => read(part({ reduction_factor: { default: 16 } }))).toThrow(code('CONFIG_INVALID'));
    expect(() => read(part({ mh_adapter: false, output_adapter: false }))).toThrow(code('CONFIG_INVALID'));
    expect(adapterHubFormat.reads({ architecture: 'lora', r: 8 })).toBe(false);
    expect(adapterHubFormat.reads({ architecture: 'prefix_tuning', flat: true })).toBe(false);
  });
});
