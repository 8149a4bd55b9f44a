import { evaluationContext, type Host, sitesOfKind } from '@tfjs-peft/peft-core';
import type { KeyValuePrefix } from '@tfjs-peft/peft-core/interventions';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import {
  hasShared,
  hostFrom,
  maxDifference,
  openFile,
  readJson,
  sharedFolder,
  someInputs,
  tinyClassifier,
} from '../../test/test-hosts.js';
import { describeEncoder } from '../architecture/encoder.js';
import { parseHostConfig } from '../architecture/parse-host-config.js';
import { memoryTensorSource } from '../weights/tensor-source.js';
import { expectedTensors } from '../weights/expected-tensors.js';
import { createHost } from './create-host.js';
import { createRandomHost, tinyBertConfig } from './create-random-host.js';

useTestBackend();

type Positions = KeyValuePrefix['positions'];
const values = (shape: number[], seed: number, scale = 0.5) => tf.randomNormal(shape, 0, scale, 'float32', seed);

/** A prefix of random keys and values at every layer, the batch axis first if `batch` is given. */
const randomPrefix = (host: Host, length: number, positions: Positions = 'none', batch?: number, seed = 0) =>
  sitesOfKind(host.spec, 'attention').map(({ path, heads, headSize, layer }): KeyValuePrefix => {
    const shape = [...(batch === undefined ? [] : [batch]), heads, length, headSize];
    const at = seed + 2 * layer;
    return { kind: 'keyValuePrefix', path, keys: values(shape, at + 1), values: values(shape, at + 2), positions };
  });

const hiddenStates = (host: Host, prefixes: readonly KeyValuePrefix[], batch = 3) =>
  host.forward(someInputs(batch), prefixes, evaluationContext(host.spec, batch)).lastHiddenState;

const fixture = 'peft-fixtures/adapters/prefix/';
(hasShared(fixture) ? describe : describe.skip)('a prefix trained in HF peft', () => {
  /** Layout of a row in HF's file: `[2 · layers, heads, headSize]`, keys at even places. */
  async function storedPrefix(host: Host, positions: Positions): Promise<KeyValuePrefix[]> {
    const file = await openFile(new URL(`${fixture}adapter_model.safetensors`, sharedFolder));
    const rows = tf.tensor(await file.readFloat32('prompt_embeddings'), [5, 4, 4, 8]).transpose([1, 2, 0, 3]);
    const slots = tf.unstack(rows);
    return sitesOfKind(host.spec, 'attention').map(({ path }, layer) => ({
      kind: 'keyValuePrefix',
      path,
      keys: slots[2 * layer]!,
      values: slots[2 * layer + 1]!,
      positions,
    }));
  }

  it('gives the logits of HF peft with shifted positions, and others without', async () => {
    const host = await hostFrom(new URL('peft-fixtures/base/', sharedFolder));
    const expected = await readJson(new URL('peft-fixtures/expected.json', sharedFolder));
    const classifier = await tinyClassifier(new URL(fixture, sharedFolder), 'adapter_model.safetensors', 'base_model.');
    const inputs = {
      inputIds: tf.tensor2d(expected.input_ids, undefined, 'int32'),
      attentionMask: tf.tensor2d(expected.attention_mask, undefined, 'int32'),
    };
    const logitsWith = async (positions: Positions) => {
      const interventions = [...(await storedPrefix(host, positions)), classifier];
      return host.forward(inputs, interventions, evaluationContext(host.spec, 3)).logits!;
    };
    const golden = tf.tensor2d(expected.cases.prefix.logits);
    expect(await maxDifference(await logitsWith('shift'), golden)).toBeLessThan(1e-5);
    expect(await maxDifference(await logitsWith('none'), golden)).toBeGreaterThan(1e-2);
    host.dispose();
  });
});

describe('key/value prefixes', () => {
  /** A host whose queries are all ones, so that keys alone decide who is attended to. */
  async function hostWithConstantQueries(): Promise<Host> {
    const json = tinyBertConfig();
    const random = await createRandomHost();
    const arrays = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const { path, shape, role } of expectedTensors(describeEncoder(parseHostConfig(json, 'tiny'), true))) {
      const tensor = role === 'affineWeight' ? random.weight(path).transpose() : random.weight(path);
      const data = Float32Array.from(await tensor.data());
      if (path.endsWith('query.weight')) data.fill(0);
      if (path.endsWith('query.bias')) data.fill(1);
      arrays.set(path, { shape, data });
    }
    random.dispose();
    return createHost({ config: json, tensors: memoryTensorSource(arrays), name: 'constant-queries' });
  }

  it('reproduce the bare host when nobody attends to them, unless positions shift (T5)', async () => {
    const host = await hostWithConstantQueries();
    const closed = (positions: Positions) =>
      randomPrefix(host, 4, positions).map((prefix) => ({ ...prefix, keys: tf.fill(prefix.keys.shape, -1e6) }));
    const bare = hiddenStates(host, []);
    expect(await maxDifference(hiddenStates(host, closed('none')), bare)).toBeLessThan(1e-6);
    expect(await maxDifference(hiddenStates(host, closed('shift')), bare)).toBeGreaterThan(1e-2);
    host.dispose();
  });

  it('are attended to although all are zero', async () => {
    const host = await createRandomHost();
    const zeros = randomPrefix(host, 4).map((prefix) => ({
      ...prefix,
      keys: prefix.keys.zerosLike(),
      values: prefix.values.zerosLike(),
    }));
    expect(await maxDifference(hiddenStates(host, zeros), hiddenStates(host, []))).toBeGreaterThan(1e-3);
    host.dispose();
  });

  it('may differ from example to example (T3)', async () => {
    const host = await createRandomHost();
    const prefixes = randomPrefix(host, 5, 'none', 3);
    const together = hiddenStates(host, prefixes);
    for (let row = 0; row < 3; row++) {
      const own = prefixes.map((prefix) => ({
        ...prefix,
        keys: tf.unstack(prefix.keys)[row]!,
        values: tf.unstack(prefix.values)[row]!,
      }));
      const alone = hiddenStates(host, own).slice([row, 0, 0], [1, -1, -1]);
      expect(await maxDifference(together.slice([row, 0, 0], [1, -1, -1]), alone)).toBeLessThan(1e-5);
    }
    host.dispose();
  });

  it('join on the length axis when a layer has several, with one shift for all', async () => {
    const host = await createRandomHost();
    for (const positions of ['none', 'shift'] as const) {
      const first = randomPrefix(host, 2, positions, undefined, 10);
      const second = randomPrefix(host, 3, positions, undefined, 20);
      const joined = first.map((prefix, layer) => ({
        ...prefix,
        keys: tf.concat([prefix.keys, second[layer]!.keys], 1),
        values: tf.concat([prefix.values, second[layer]!.values], 1),
      }));
      const difference = await maxDifference(hiddenStates(host, [...first, ...second]), hiddenStates(host, joined));
      expect(difference).toBeLessThan(1e-6);
    }
    host.dispose();
  });

  it('shift positions by the same number in every layer, and only as far as the host has positions', async () => {
    const host = await createRandomHost({ maxPositionEmbeddings: 10 });
    const [first, second] = [randomPrefix(host, 2, 'shift'), randomPrefix(host, 3, 'shift')];
    expect(() => hiddenStates(host, [first[0]!, second[1]!])).toThrow(
      expect.objectContaining({ code: 'POSITION_SHIFT_UNEVEN' }),
    );
    expect(hiddenStates(host, second).shape).toEqual([3, 7, 32]);
    expect(() => hiddenStates(host, [...first, ...second])).toThrow(
      expect.objectContaining({
        code: 'TEXT_TOO_LONG',
        message: expect.stringContaining('at most 5 tokens'),
      }),
    );
    host.dispose();
  });
});
