import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  composeDefinition,
  createRegistry,
  evaluationContext,
  type Host,
  isPeftError,
  loadAdapter,
} from '@tfjs-peft/peft-core';
import { type WritableTensor, writeSafetensors } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { largest, smallHost, someInputs } from '../test/small-host.js';
import { loraDefinition } from './lora.js';
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
    const mlx = await writeMlxLora(await readMlxLora(files()));
    expect(mlx.get('adapters.safetensors')).toEqual(files().get('adapters.safetensors'));
    expect(JSON.parse(new TextDecoder().decode(mlx.get('adapter_config.json')))).toEqual({
      fine_tune_type: 'lora',
      num_layers: -1,
      lora_parameters: { rank: 3, scale: 2.5, dropout: 0, keys: ['attention.self.query'] },
    });
  });

  it('scales by alpha over the root of the rank for rsLoRA', async () => {
    const mlx = await writeMlxLora(await edited({ use_rslora: true }));
    const { lora_parameters } = JSON.parse(new TextDecoder().decode(mlx.get('adapter_config.json')));
    expect(lora_parameters.scale).toBeCloseTo(7.5 / Math.sqrt(3), 10);
  });

  it.each([
    [{ use_dora: true }, /use_dora/],
    [{ bias: 'all' }, /"bias": "all"/],
    [{ rank_pattern: { query: 2 } }, /rank_pattern/],
    [{ alpha_pattern: { query: 2 } }, /alpha_pattern/],
  ])('refuses %j, for which mlx has no place', async (changes, found) => {
    await expect(writeMlxLora(await edited(changes))).rejects.toMatchObject({
      code: 'CONVERT_UNSUPPORTED',
      text: { found: expect.stringMatching(found) },
    });
  });

  it('refuses tensors of anything else, and folders without files', async () => {
    const hf = await edited({});
    const more = writeSafetensors(new Map([['base_model.model.classifier.weight', up]]));
    await expect(writeMlxLora(new Map(hf).set('adapter_model.safetensors', more))).rejects.toMatchObject({
      code: 'CONVERT_UNSUPPORTED',
    });
    await expect(writeMlxLora(new Map())).rejects.toMatchObject({ code: 'ADAPTER_FILE_MISSING' });
  });
});
