import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  countParameters,
  createStream,
  type Host,
  initialValues,
  type NamedArrays,
  readParameters,
} from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { createRandomHost } from '@tfjs-peft/transformer';
import fc from 'fast-check';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { layerNormTuning, layerNormTuningDefinition } from './layer-norm-tuning.js';

useTestBackend();

let bert: Host;
let distilbert: Host;
beforeAll(async () => {
  bert = await createRandomHost();
  distilbert = await createRandomHost({ modelType: 'distilbert' });
});
afterAll(() => {
  bert.dispose();
  distilbert.dispose();
});

type Config = Parameters<typeof layerNormTuning>[0];
const frozenOf = ({ spec, weight }: Host, method = layerNormTuning()): Promise<NamedArrays> =>
  readParameters(new Map(method.files!.hostTensors!(spec).map((path) => [path, weight(path)])));

describe('layerNormTuning', () => {
  it('trains gain and bias of every LayerNorm, or of those named', () => {
    const namesOf = (config?: Config) =>
      layerNormTuning(config)
        .plan(bert.spec)
        .raw.map(({ name }) => name);
    expect(countParameters(layerNormTuning().plan(bert.spec)).trainable).toBe(5 * 2 * 32);
    expect(namesOf().slice(0, 2)).toEqual(['ln.embeddings.LayerNorm.weight', 'ln.embeddings.LayerNorm.bias']);
    expect(namesOf({ targets: ['attention.output.LayerNorm'], name: 'gain' })).toEqual([
      'gain.encoder.layer.0.attention.output.LayerNorm.weight',
      'gain.encoder.layer.0.attention.output.LayerNorm.bias',
      'gain.encoder.layer.1.attention.output.LayerNorm.weight',
      'gain.encoder.layer.1.attention.output.LayerNorm.bias',
    ]);
    expect(namesOf({ targets: '.*layer\\.1.*' })).toHaveLength(4);
  });

  it('refuses what cannot be', () => {
    const refused = (code: string, text: RegExp = /./) =>
      expect.objectContaining({ code, message: expect.stringMatching(text) });
    expect(() => layerNormTuning({ target_modules: ['LayerNorm'] } as never)).toThrow(refused('CONFIG_INVALID'));
    expect(() => layerNormTuning({ targets: [] })).toThrow(refused('CONFIG_INVALID'));
    expect(() => layerNormTuning({ targets: ['Layernorm'] }).plan(bert.spec)).toThrow(
      refused('TARGET_UNMATCHED', /LayerNorm/),
    );
    expect(() => layerNormTuning({ targets: ['query'] }).plan(bert.spec)).toThrow(refused('TARGET_UNMATCHED'));
  });
});

describe('its files', () => {
  it('hold the values that act: frozen plus difference in single precision', async () => {
    const method = layerNormTuning({ initialStandardDeviation: 0.3 });
    const frozen = await frozenOf(bert);
    const effective = initialValues(method.plan(bert.spec), createStream(1));
    const { tensors } = method.files!.encode(effective, bert.spec, frozen);
    const path = 'encoder.layer.1.output.LayerNorm';
    const stored = tensors.get(`base_model.model.bert.${path}.ln_tuning_layers.bias`)!;
    const before = frozen.get(`${path}.bias`)!.data;
    const difference = effective.get(`ln.${path}.bias`)!.data;
    expect(stored.data).toEqual(before.map((value, index) => Math.fround(value + difference[index]!)));
    expect(tensors.size).toBe(10);
    // The host itself, to the bit, where nothing was learned.
    const untouched = method.files!.encode(
      initialValues(layerNormTuning().plan(bert.spec), createStream(1)),
      bert.spec,
      frozen,
    );
    expect(untouched.tensors.get(`base_model.model.bert.${path}.ln_tuning_layers.bias`)!.data).toEqual(before);
  });

  it('give back a stored value to the bit if they stored it, and within a rounding of the frozen one if HF peft did', () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e4, max: 1e4 });
    const method = layerNormTuning({ targets: ['embeddings.LayerNorm'] });
    const tensor = 'embeddings.LayerNorm.bias';
    const array = (value: number) => ({ shape: [32], data: new Float32Array(32).fill(value) });
    const at = (value: number, name = tensor) =>
      new Map([name, name.replace('bias', 'weight')].map((each) => [each, array(value)]));
    const storedName = 'base_model.model.bert.embeddings.LayerNorm.ln_tuning_layers.bias';
    const store = (difference: number, before: number) =>
      method.files!.encode(at(difference, `ln.${tensor}`), bert.spec, at(before)).tensors.get(storedName)!.data[0]!;
    const difference = (stored: number, before: number) =>
      method.files!.decode(at(stored, storedName), bert.spec, at(before)).get(`ln.${tensor}`)!.data[0]!;
    fc.assert(
      fc.property(float, float, (before, learned) => {
        const stored = store(learned, before);
        expect(store(difference(stored, before), before)).toBe(stored);
        const foreign = store(difference(learned, before), before);
        expect(Math.abs(foreign - learned)).toBeLessThanOrEqual(
          2 ** -22 * Math.max(Math.abs(before), Math.abs(learned)),
        );
      }),
    );
  });

  it('name the norms so that HF peft finds exactly these', async () => {
    const targetsOf = async (config: Config, host: Host) => {
      const method = layerNormTuning(config);
      const effective = initialValues(method.plan(host.spec), createStream(1));
      return method.files!.encode(effective, host.spec, await frozenOf(host, method)).config['target_modules'];
    };
    expect(await targetsOf({}, bert)).toEqual(['LayerNorm']);
    expect(await targetsOf({}, distilbert)).toEqual(['LayerNorm', 'output_layer_norm', 'sa_layer_norm']);
    expect(await targetsOf({ targets: ['sa_layer_norm'] }, distilbert)).toEqual(['sa_layer_norm']);
    // `output.LayerNorm` is that of attention too, here and there.
    expect(await targetsOf({ targets: ['output.LayerNorm'] }, bert)).toEqual(['output.LayerNorm']);
    expect(await targetsOf({ targets: '.*layer.1.output.*' }, bert)).toEqual(['encoder.layer.1.output.LayerNorm']);
  });

  it('are read as HF peft selects', () => {
    const read = (config: JsonObject) => layerNormTuningDefinition.fromHfConfig!(config, bert.spec).targets;
    expect(read({ target_modules: ['LayerNorm'], exclude_modules: null })).toEqual(['LayerNorm']);
    expect(read({ target_modules: ['bert.embeddings.LayerNorm'] })).toEqual(['embeddings.LayerNorm']);
    expect(read({ target_modules: 'bert\\.emb.*' })).toEqual(['embeddings.LayerNorm']);
    expect(read({ target_modules: ['LayerNorm'], exclude_modules: '.*output.*' })).toEqual(['embeddings.LayerNorm']);
    const failing = (config: JsonObject, code: string) =>
      expect(() => read(config)).toThrow(expect.objectContaining({ code }));
    failing({}, 'CONFIG_INVALID');
    failing({ target_modules: [1] }, 'CONFIG_INVALID');
    failing({ target_modules: 'embeddings.*' }, 'TARGET_UNMATCHED');
    failing({ target_modules: '(' }, 'TARGET_PATTERN_INVALID');
  });
});
