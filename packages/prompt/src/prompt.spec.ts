import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  combineAdapters,
  createStream,
  evaluationContext,
  initialValues,
  type NamedArray,
  type PeftMethod,
  readParameters,
  runAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import type { TokenPrefix } from '@tfjs-peft/peft-core/interventions';
import { createRandomHost, type EncoderHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { describedHost } from '../test/described-host.js';
import { prompt, promptDefinition } from './prompt.js';

useTestBackend();

let host: EncoderHost;
beforeAll(async () => {
  host = await createRandomHost({ vocabSize: 30 });
});

const seed = createStream(5);
const prepared = (method: PeftMethod, vertex = 0, stream = seed) =>
  method.prepare!(host, preparationWith({ stream, vertex }));
const rowsOf = (method: PeftMethod) => [...initialValues(method.plan(host.spec), seed).values()][0]!.data;
const wordRow = async (id: number) => await host.weight('embeddings.word_embeddings.weight').slice([id], [1]).data();

describe('prompt', () => {
  it('is one set of rows before the text', () => {
    const method = prompt({ length: 3 });
    expect(method.plan(describedHost)).toEqual({
      raw: [{ name: 'prompt.embeddings', shape: [3, 8], initial: { kind: 'normal', standardDeviation: 0.02 } }],
      effective: [{ name: 'prompt.embeddings', shape: [3, 8], site: 'embeddings', perExample: 'axis' }],
    });
    for (const shape of [
      [3, 8],
      [2, 3, 8],
    ]) {
      const rows = tf.ones(shape);
      const items = method.intervene(new Map([['prompt.embeddings', rows]]), evaluationContext(describedHost, 2));
      expect(items).toEqual([{ kind: 'tokenPrefix', embeddings: rows }]);
      expect((items[0] as TokenPrefix).embeddings).toBe(rows);
    }
    expect(prompt({ initialisation: 'random' }).plan(describedHost).raw[0]!.initial).toEqual({
      kind: 'normal',
      standardDeviation: 1,
    });
  });

  it('is no identity at the start: virtual tokens take attention, whatever they are', async () => {
    const inputs = {
      inputIds: tf.tensor2d([[2, 3, 4]], undefined, 'int32'),
      attentionMask: tf.ones([1, 3], 'int32') as tf.Tensor2D,
    };
    const method = prompt({ length: 2, initialStandardDeviation: 1e-6 });
    const effective = toParameters(initialValues(method.plan(host.spec), seed));
    const changed = runAdapter(host, { method, effective, hostFingerprint: '' }, inputs).lastHiddenState;
    const plain = host.forward(inputs, [], evaluationContext(host.spec, 1)).lastHiddenState;
    expect(changed.shape).toEqual([1, 5, 32]);
    expect((await changed.slice([0, 2, 0], [1, 3, 32]).sub(plain).abs().max().data())[0]).toBeGreaterThan(1e-2);
  });

  it('gives each example rows of its own', async () => {
    const inputs = (count: number) => ({
      inputIds: tf.tensor2d(
        Array.from({ length: count }, () => [2, 3, 4]),
        undefined,
        'int32',
      ),
      attentionMask: tf.ones([count, 3], 'int32') as tf.Tensor2D,
    });
    const rows = tf.randomNormal([2, 3, 32], 0, 1, 'float32', 7);
    const run = (embeddings: tf.Tensor, count: number) =>
      runAdapter(
        host,
        { method: prompt({ length: 3 }), effective: new Map([['prompt.embeddings', embeddings]]), hostFingerprint: '' },
        inputs(count),
      ).lastHiddenState;
    const both = run(rows, 2);
    for (const example of [0, 1]) {
      const alone = run(rows.slice([example], [1]).squeeze([0]), 1);
      const difference = both.slice([example], [1]).sub(alone).abs().max();
      expect((await difference.data())[0]).toBeLessThan(1e-5);
    }
  });

  it('refuses what cannot be', async () => {
    const refused = (run: () => unknown, code: string) => expect(run).toThrow(expect.objectContaining({ code }));
    refused(() => prompt({ length: 0 }), 'CONFIG_INVALID');
    refused(() => prompt({ num_virtual_tokens: 3 } as never), 'CONFIG_INVALID');
    refused(() => prompt({ length: 64 }).plan(describedHost), 'PROMPT_TOO_LONG');
    refused(() => prompt().plan({ ...describedHost, sites: [] }), 'SITE_MISSING');
    const read = (config: object) => () => promptDefinition.fromHfConfig!(config as never, describedHost);
    refused(read({ num_virtual_tokens: 3, token_dim: 768 }), 'ADAPTER_FOR_ANOTHER_HOST');
    refused(read({}), 'CONFIG_INVALID');
    const decode = (tensors: Map<string, NamedArray>) => () =>
      prompt({ length: 3 }).files!.decode(tensors, describedHost, new Map());
    refused(decode(new Map()), 'TENSOR_MISSING');
    refused(
      decode(new Map([['prompt_embeddings', { shape: [4, 8], data: new Float32Array(32) }]])),
      'TENSOR_MISSHAPEN',
    );
  });
});

describe('prompt from words', () => {
  it('starts from the rows of given tokens, repeated or cut', async () => {
    const method = await prepared(prompt({ length: 3, initialisation: 'vocabulary', tokenIds: [7, 9] }));
    expect([...rowsOf(method)]).toEqual([...(await wordRow(7)), ...(await wordRow(9)), ...(await wordRow(7))]);
    const cut = await prepared(prompt({ length: 1, initialisation: 'vocabulary', tokenIds: [7, 9] }));
    expect([...rowsOf(cut)]).toEqual([...(await wordRow(7))]);
    expect(method.prepare).toBeUndefined();
    expect(method.config).toEqual(prompt({ length: 3, initialisation: 'vocabulary', tokenIds: [7, 9] }).config);
  });

  it('draws distinct words, never padding, the same for the same stream', async () => {
    const method = prompt({ length: 29, initialisation: 'vocabulary' });
    const rows = rowsOf(await prepared(method));
    expect(rows).toEqual(rowsOf(await prepared(method)));
    expect(rows).not.toEqual(rowsOf(await prepared(method, 1, createStream(6))));
    const first = await Promise.all(Array.from({ length: 30 }, async (_, id) => (await wordRow(id))[0]!));
    const drawn = Array.from({ length: 29 }, (_, row) => first.indexOf(rows[row * 32]!));
    expect([...drawn].sort((a, b) => a - b)).toEqual(Array.from({ length: 29 }, (_, i) => i + 1));
    expect(drawn).not.toEqual([...drawn].sort((a, b) => a - b));
  });

  it('gives vertices other words, or says that there are too few', async () => {
    const method = prompt({ length: 2, initialisation: 'vocabulary', tokenIds: [3, 4, 5, 6] });
    expect([...rowsOf(await prepared(method, 1))]).toEqual([...(await wordRow(5)), ...(await wordRow(6))]);
    await expect(prepared(method, 2)).rejects.toMatchObject({ code: 'TOKEN_IDS_TOO_FEW' });
  });

  it('is not to be had without prepare, nor on another host', async () => {
    const method = prompt({ length: 2, initialisation: 'vocabulary' });
    expect(() => rowsOf(method)).toThrow(expect.objectContaining({ code: 'METHOD_UNPREPARED' }));
    const ready = await prepared(method);
    expect(() => initialValues(ready.plan(describedHost), seed)).toThrow(
      expect.objectContaining({ code: 'METHOD_UNPREPARED' }),
    );
    await expect(prepared(prompt({ initialisation: 'vocabulary', tokenIds: [30] }))).rejects.toMatchObject({
      code: 'TOKEN_ID_UNKNOWN',
    });
    const tableless = { spec: { ...host.spec, sites: [] }, weight: host.weight } as never;
    await expect(method.prepare!(tableless, preparationWith({ stream: seed }))).rejects.toMatchObject({
      code: 'SITE_MISSING',
    });
  });

  it('leaks no tensor', async () => {
    const before = tf.memory().numTensors;
    await prepared(prompt({ length: 4, initialisation: 'vocabulary' }));
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('combined prompts', () => {
  const member = (length: number, values: number[], weight: number) => ({
    adapter: {
      method: prompt({ length }),
      effective: new Map([
        [
          'prompt.embeddings',
          tf.tensor2d(
            values.flatMap((v) => new Array<number>(32).fill(v)),
            [length, 32],
          ),
        ],
      ]),
      hostFingerprint: host.spec.fingerprint,
    },
    weight,
  });
  const combined = async (members: ReturnType<typeof member>[], strategy?: string) => {
    const { method, effective } = await combineAdapters(members, host.spec, {
      byType: { PROMPT_TUNING: { strategy } },
    });
    const rows = (await readParameters(effective)).get('prompt.embeddings')!;
    return {
      length: (method.config as { length: number }).length,
      shape: rows.shape,
      column: [...rows.data].filter((_, i) => i % 32 === 0),
    };
  };

  it('average or stand one after the other', async () => {
    const two = () => [member(2, [1, 2], 3), member(2, [5, 6], 1)];
    expect(await combined(two())).toEqual({ length: 2, shape: [2, 32], column: [2, 3] });
    const uneven = [member(2, [1, 2], 1), member(1, [5], 1)];
    expect(await combined(uneven, 'concatenate')).toEqual({ length: 3, shape: [3, 32], column: [1, 2, 5] });
    await expect(combined(uneven, 'average')).rejects.toMatchObject({ code: 'COMBINE_MISMATCH' });
    await expect(combined(two(), 'concatenate')).rejects.toMatchObject({ code: 'COMBINE_MISMATCH' });
    await expect(combined(two(), 'ties')).rejects.toMatchObject({ code: 'COMBINE_STRATEGY_UNKNOWN' });
  });
});
