import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  bytesSource,
  composeDefinition,
  createRegistry,
  disposeParameters,
  evaluationContext,
  type Host,
  isPeftError,
  loadAdapter,
  openSafetensors,
  readParameters,
  saveAdapter,
} from '@tfjs-peft/peft-core';
import { type WritableTensor, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { createRandomDecoder } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { largest, randomValues, smallHost, someInputs } from '../test/small-host.js';
import { lora, loraDefinition } from './lora.js';
import { mlxNames } from './mlx-names.js';
import { readMlxLora } from './read-mlx-lora.js';
import { writeMlxLora } from './write-mlx-lora.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await smallHost();
});
afterAll(() => host.dispose());

const path = 'encoder.layer.1.attention.self.query';
const values = (rows: number, columns: number) => ({
  shape: [rows, columns],
  data: Float32Array.from({ length: rows * columns }, (_, index) => Math.sin(1 + index * rows)),
});
const [down, up] = [values(8, 3), values(3, 8)];
const files = (tensors: Readonly<Record<string, WritableTensor>> = {}, config: object = {}) =>
  new Map([
    [
      'adapter_config.json',
      new TextEncoder().encode(
        JSON.stringify({
          fine_tune_type: 'lora',
          num_layers: 2,
          lora_parameters: { rank: 3, scale: 2.5, dropout: 0 },
          ...config,
        }),
      ),
    ],
    [
      'adapters.safetensors',
      writeSafetensors(new Map(Object.entries({ [`${path}.lora_a`]: down, [`${path}.lora_b`]: up, ...tensors }))),
    ],
  ]);
const codeOf = (given: ReadonlyMap<string, Uint8Array>) =>
  readMlxLora(given).then(
    () => 'no error',
    (error) => (isPeftError(error) ? error.code : String(error)),
  );

describe('readMlxLora', () => {
  it('gives an adapter that adds scale · a · b to the weight', async () => {
    const converted = await readMlxLora(files(), { prefix: 'bert.' });
    const adapter = await loadAdapter(converted, host, createRegistry(loraDefinition, composeDefinition));
    const context = evaluationContext(host.spec, 2);
    const { lastHiddenState } = host.forward(
      someInputs(),
      adapter.method.intervene(adapter.effective, context),
      context,
    );
    const delta = tf.matMul(tf.tensor2d(down.data, [8, 3]), tf.tensor2d(up.data, [3, 8])).mul(2.5);
    const changed = await host.withWeights(new Map([[`${path}.weight`, host.weight(`${path}.weight`).add(delta)]]));
    const expected = changed.forward(someInputs(), [], context).lastHiddenState;
    expect(await largest(lastHiddenState.sub(expected))).toBeLessThan(1e-5);
    changed.dispose();
    const bare = await loadAdapter(await readMlxLora(files()), host, createRegistry(loraDefinition, composeDefinition));
    expect(bare.effective.size).toBe(2);
  });

  it('refuses what is no plain LoRA', async () => {
    expect(await codeOf(new Map())).toBe('ADAPTER_FILE_MISSING');
    expect(await codeOf(files({}, { fine_tune_type: 'dora' }))).toBe('CONFIG_KEY_UNSUPPORTED');
    expect(await codeOf(files({}, { lora_parameters: { rank: 3 } }))).toBe('CONFIG_INVALID');
    expect(await codeOf(files({ [`${path}.m`]: values(8, 1) }))).toBe('TENSOR_UNEXPECTED');
    expect(await codeOf(files({ [`${path}.lora_b`]: values(4, 8) }))).toBe('TENSOR_MISSHAPEN');
  });
});

describe('writeMlxLora', () => {
  const edited = async (changes: object) => {
    const hf = new Map(await readMlxLora(files(), { prefix: 'bert.' }));
    const config = JSON.parse(new TextDecoder().decode(hf.get('adapter_config.json')));
    return hf.set('adapter_config.json', new TextEncoder().encode(JSON.stringify({ ...config, ...changes })));
  };

  it('gives back what was read, byte for byte of the numbers', async () => {
    const mlx = await writeMlxLora(await readMlxLora(files()), host.spec);
    expect(mlx.get('adapters.safetensors')).toEqual(files().get('adapters.safetensors'));
    expect(JSON.parse(new TextDecoder().decode(mlx.get('adapter_config.json')))).toEqual({
      fine_tune_type: 'lora',
      num_layers: -1,
      lora_parameters: { rank: 3, scale: 2.5, dropout: 0, keys: ['attention.self.query'] },
    });
  });

  it('scales by alpha over the root of the rank for rsLoRA', async () => {
    const mlx = await writeMlxLora(await edited({ use_rslora: true }), host.spec);
    const { lora_parameters } = JSON.parse(new TextDecoder().decode(mlx.get('adapter_config.json')));
    expect(lora_parameters.scale).toBeCloseTo(7.5 / Math.sqrt(3), 10);
  });

  it.each([
    [{ use_dora: true }, /use_dora/],
    [{ bias: 'all' }, /"bias": "all"/],
    [{ lora_bias: true }, /lora_bias/],
    [{ init_lora_weights: 'pissa' }, /pissa/],
    [{ alora_invocation_tokens: [3] }, /alora_invocation_tokens/],
    [{ layer_replication: [[0, 1]] }, /layer_replication/],
    [{ use_qalora: true }, /use_qalora/],
    [{ trainable_token_indices: [3] }, /trainable_token_indices/],
    [{ target_parameters: ['experts'] }, /target_parameters/],
    [{ r: 4 }, /lora_A.weight" of shape \[3, 8\] with "r": 4/],
    [{ rank_pattern: { query: 2 } }, /rank_pattern/],
    [{ alpha_pattern: { query: 2 } }, /alpha_pattern/],
  ])('refuses %j, for which mlx has no place', async (changes, found) => {
    await expect(writeMlxLora(await edited(changes), host.spec)).rejects.toMatchObject({
      code: 'CONVERT_UNSUPPORTED',
      text: { found: expect.stringMatching(found) },
    });
  });

  it('takes starts that left the host as it was, and entries that say where', async () => {
    for (const start of [true, false, 'gaussian', 'orthogonal', 'EVA'])
      await writeMlxLora(await edited({ init_lora_weights: start, layers_to_transform: [1] }), host.spec);
  });

  it('refuses tensors of anything else, one factor alone, and folders without files', async () => {
    const hf = await edited({});
    const module = `base_model.model.bert.${path}`;
    const pair = { [`${module}.lora_A.weight`]: up, [`${module}.lora_B.weight`]: down };
    const codeOfTensors = (tensors: Readonly<Record<string, WritableTensor>>) =>
      writeMlxLora(
        new Map(hf).set('adapter_model.safetensors', writeSafetensors(new Map(Object.entries(tensors)))),
        host.spec,
      ).then(
        () => 'no error',
        (error) => error.code as string,
      );
    expect(await codeOfTensors(pair)).toBe('no error');
    expect(await codeOfTensors({ ...pair, 'base_model.model.classifier.weight': up })).toBe('CONVERT_UNSUPPORTED');
    expect(await codeOfTensors({ [`${module}.lora_A.weight`]: up })).toBe('CONVERT_UNSUPPORTED');
    expect(await codeOfTensors({ [`${module}.lora_B.weight`]: down })).toBe('CONVERT_UNSUPPORTED');
    expect(await codeOfTensors({ ...pair, [`${module}.lora_B.weight`]: values(8, 2) })).toBe('CONVERT_UNSUPPORTED');
    await expect(writeMlxLora(new Map(), host.spec)).rejects.toMatchObject({ code: 'ADAPTER_FILE_MISSING' });
  });
});

describe('names of decoders in mlx-lm', () => {
  const decoders = [
    ['gpt2', 'model.h.0.attn.c_attn', 'attn.c_attn'],
    ['llama', 'model.layers.0.self_attn.q_proj', 'self_attn.q_proj'],
    ['qwen2', 'model.layers.0.self_attn.q_proj', 'self_attn.q_proj'],
    ['qwen3', 'model.layers.0.self_attn.q_proj', 'self_attn.q_proj'],
  ] as const;
  const tensorNames = async (bytes: Uint8Array) => [
    ...(await openSafetensors(bytesSource('mlx', bytes))).tensors.keys(),
  ];
  const registry = createRegistry(loraDefinition, composeDefinition);

  it.each(decoders)('are those of its module: %s', async (modelType, module, key) => {
    const decoder = await createRandomDecoder({ modelType, hiddenSize: 8, intermediateSize: 12, vocabSize: 20 });
    const method = lora({ rank: 2, targets: [key] });
    const made = { method, effective: randomValues(method, decoder.spec), hostFingerprint: decoder.spec.fingerprint };
    // As HF peft writes it around the class that predicts tokens, and around the model inside.
    for (const taskType of ['CAUSAL_LM', 'FEATURE_EXTRACTION']) {
      const hf = await saveAdapter(made, decoder, { extraConfig: { task_type: taskType } });
      const mlx = await writeMlxLora(hf, decoder.spec);
      const names = await tensorNames(mlx.get('adapters.safetensors')!);
      expect(names).toEqual(expect.arrayContaining([`${module}.lora_a`, `${module}.lora_b`]));
      expect(names.every((name) => name.startsWith('model.'))).toBe(true);
      const back = await loadAdapter(await readMlxLora(mlx, { host: decoder.spec }), decoder, registry);
      const [found, expected] = await Promise.all([readParameters(back.effective), readParameters(made.effective)]);
      expect(found).toEqual(expected);
      disposeParameters(back.effective);
    }
    disposeParameters(made.effective);
    decoder.dispose();
  });

  it('are unknown for other decoders, and modules outside the model have none', () => {
    const languageModel = { vocabSize: 20, tied: true, keyValueHeads: 2, headSize: 4 };
    const llama = { modelType: 'llama', baseModelPrefix: 'model', languageModel };
    expect(mlxNames(llama).toMlx('lm_head')).toBeUndefined();
    expect(mlxNames({ ...llama, languageModel: { ...languageModel, tied: false } }).toMlx('lm_head')).toBe('lm_head');
    expect(mlxNames(llama).toMlx('score')).toBeUndefined();
    expect(() => mlxNames({ ...llama, modelType: 'gpt_neox' })).toThrow(
      expect.objectContaining({ code: 'CONVERT_UNSUPPORTED' }),
    );
  });
});
