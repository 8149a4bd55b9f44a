import { createStream, initialValues, type PeftMethod, toParameters } from '@tfjs-peft/peft-core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { goldenFolder, openFile, readGolden, readJson } from '../../test/test-hosts.js';
import { createDecoderHost, type DecoderHost } from '../decoder/create-host.js';
import { createRandomDecoder } from '../decoder/create-random-host.js';
import { repeatedTokens, sampleToken } from './choose-token.js';
import { generate } from './generate.js';
import type { GenerationInput } from './settings.js';

useTestBackend();

const none: PeftMethod = {
  type: 'NONE',
  config: {},
  namespaces: ['none'],
  plan: () => ({ raw: [], effective: [] }),
  intervene: () => [],
};
/** Sees all of a text at once, so that nothing of it may be remembered; changes nothing. */
const whole: PeftMethod = {
  ...none,
  intervene: (_, { host }) => [
    {
      kind: 'hiddenDelta',
      path: host.sites.find(({ kind }) => kind === 'hidden')!.path,
      apply: (x) => tf.zerosLike(x),
    },
  ],
};

const settings: Readonly<Record<string, GenerationInput>> = {
  greedy: {},
  'greedy-ngram': { noRepeatNgram: 2 },
  beam: { strategy: 'beam', beams: 4, lengthPenalty: 0.8, noRepeatNgram: 3 },
  'beam-long': { strategy: 'beam', beams: 3, lengthPenalty: 2, earlyStopping: true },
};

const hosts = new Map<string, DecoderHost>();
const names = ['tiny-gpt2', 'tiny-llama', 'tiny-qwen3'];
beforeAll(async () => {
  for (const name of names) {
    const folder = new URL(`${name}/`, goldenFolder);
    const tensors = await openFile(new URL('model.safetensors', folder));
    hosts.set(name, await createDecoderHost({ config: await readJson(new URL('config.json', folder)), tensors, name }));
  }
});
afterAll(() => {
  for (const host of hosts.values()) host.dispose();
});

const promptsOf = async (golden: Map<string, tf.Tensor>, text: string) => {
  const ids = (await golden.get(`${text}.input_ids`)!.array()) as number[][];
  const mask = (await golden.get(`${text}.attention_mask`)!.array()) as number[][];
  return ids.map((row, index) => row.filter((_, token) => mask[index]![token] === 1));
};

describe.each(names)('generate as HF transformers does: %s', (name) => {
  it.each(Object.keys(settings))('%s', async (kind) => {
    const golden = await readGolden(name);
    const host = hosts.get(name)!;
    // The first use of a host packs its weights, which it keeps.
    await generate({ host, method: none, effective: new Map(), prompts: [[5, 6]], settings: { maxNewTokens: 1 } });
    const before = tf.memory().numTensors;
    for (const text of ['single', 'batch']) {
      const prompts = await promptsOf(golden, text);
      const expected = (await golden.get(`generate.${kind}.${text}`)!.array()) as number[][];
      const asked = {
        host,
        method: none,
        effective: new Map(),
        prompts,
        settings: { ...settings[kind], maxNewTokens: 14 },
      };
      const found = await generate(asked);
      // HF fills up what has ended with 0; beam search with the token that ends texts where the one for padding is 0.
      const filling = kind.startsWith('beam') ? 2 : 0;
      const filled = found.map(({ ids }) => [...ids, ...Array(expected[0]!.length - ids.length).fill(filling)]);
      expect(filled).toEqual(expected);
      if (!kind.startsWith('beam')) continue;
      const scores = (await golden.get(`generate.${kind}.${text}.scores`)!.array()) as number[];
      found.forEach(({ score }, row) => expect(score).toBeCloseTo(scores[row]!, 4));
    }
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([...golden.values()]);
  });
});

describe('generate', () => {
  const host = () => hosts.get('tiny-gpt2')!;
  const prompts = [[5, 9, 33], [7], [44, 3, 3, 8, 60]];
  const ask = (input: GenerationInput, more: object = {}) =>
    generate({
      host: host(),
      method: none,
      effective: new Map(),
      prompts,
      settings: { maxNewTokens: 10, ...input },
      endTokenIds: [],
      ...more,
    });

  it('is the same without a past, where a method sees whole texts', async () => {
    for (const input of [{}, { strategy: 'beam' }] as const)
      expect((await ask(input, { method: whole })).map(({ ids }) => ids)).toEqual(
        (await ask(input)).map(({ ids }) => ids),
      );
  });

  it('samples by seed, each prompt for itself', async () => {
    const random = { strategy: 'sample', temperature: 1.5 } as const;
    const [first, again, other] = [
      await ask(random, { seed: 3 }),
      await ask(random, { seed: 3 }),
      await ask(random, { seed: 4 }),
    ];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    const alone = await ask(random, { seed: 3, prompts: prompts.slice(0, 1) });
    expect(alone[0]).toEqual(first[0]);
    expect((await ask({ ...random, topK: 1 })).map(({ ids }) => ids)).toEqual((await ask({})).map(({ ids }) => ids));
  });

  it('ends at tokens that end texts, at words of the caller, and streams what comes', async () => {
    const plain = await ask({});
    const end = plain[0]!.ids[3]!;
    const [ended] = await ask({}, { endTokenIds: [end] });
    expect(ended!.ids).toEqual(plain[0]!.ids.slice(0, plain[0]!.ids.indexOf(end) + 1));
    expect(ended!.reason).toBe('end');
    const streamed: number[][] = prompts.map(() => []);
    const found = await ask(
      {},
      {
        isComplete: (ids: readonly number[], prompt: number) => prompt === 1 && ids.length === 4,
        onToken: ({ prompt, token }: { prompt: number; token: number }) => streamed[prompt]!.push(token),
      },
    );
    expect(found.map(({ reason }) => reason)).toEqual(['length', 'complete', 'length']);
    expect(found.map(({ ids }) => ids)).toEqual(streamed);
    expect(found[1]!.ids).toEqual(plain[1]!.ids.slice(0, 4));
    const beams = await ask({ strategy: 'beam' }, { isComplete: (ids: readonly number[]) => ids.length === 2 });
    expect(beams.map(({ ids }) => ids.length)).toEqual([2, 2, 2]);
  });

  it('refuses what cannot be continued', async () => {
    await expect(ask({}, { prompts: [[]] })).rejects.toMatchObject({ code: 'TEXT_EMPTY' });
    await expect(ask({ maxNewTokens: 64 })).rejects.toMatchObject({ code: 'TEXT_TOO_LONG' });
    // Virtual tokens take positions too.
    const embeddings = tf.zeros([4, host().spec.hiddenSize]) as tf.Tensor2D;
    const prompted = { ...none, intervene: () => [{ kind: 'tokenPrefix', embeddings } as const] };
    const room = host().spec.maxPositionEmbeddings + 1 - Math.max(...prompts.map(({ length }) => length));
    await expect(ask({ maxNewTokens: room - 3 }, { method: prompted })).rejects.toMatchObject({
      code: 'TEXT_TOO_LONG',
      message: expect.stringContaining('4 positions of which the method takes'),
    });
    await expect(ask({ topP: 2 })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(ask({}, { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(await ask({}, { prompts: [] })).toEqual([]);
  });

  it.each(['greedy', 'sample', 'beam'] as const)('says when no token is left: %s', async (strategy) => {
    const small = await createRandomDecoder({ vocabSize: 8 }, 1);
    const asked = { host: small, method: none, effective: new Map(), prompts: [[1, 2, 3]], endTokenIds: [] };
    const settings = { strategy, maxNewTokens: 12, ...(strategy === 'beam' && { beams: 2 }) };
    const code = 'NO_TOKEN_TO_CHOOSE';
    await expect(generate({ ...asked, settings: { ...settings, noRepeatNgram: 1 } })).rejects.toMatchObject({ code });
    const numberless: PeftMethod = {
      ...none,
      intervene: (_, { host }) => [
        {
          kind: 'hiddenDelta',
          path: host.sites.find(({ kind }) => kind === 'hidden')!.path,
          apply: (x) => tf.fill(x.shape, NaN),
        },
      ],
    };
    await expect(generate({ ...asked, method: numberless, settings })).rejects.toMatchObject({ code });
    small.dispose();
  });

  it.each([99, -1, 2.7, undefined])('refuses a prompt with the token %s', async (token) => {
    const small = await createRandomDecoder({ vocabSize: 8 }, 1);
    const asked = { host: small, method: none, effective: new Map(), prompts: [[1, token as number]] };
    await expect(generate(asked)).rejects.toMatchObject({ code: 'HOST_INPUTS_INVALID' });
    small.dispose();
  });

  it('continues a trained adapter', async () => {
    const method: PeftMethod = {
      ...none,
      plan: ({ hiddenSize }) => ({
        raw: [{ name: 'none.rows', shape: [3, hiddenSize], initial: { kind: 'normal', standardDeviation: 3 } }],
        effective: [{ name: 'none.rows', shape: [3, hiddenSize], site: 'wte', perExample: 'axis' }],
      }),
      intervene: (effective) => [{ kind: 'tokenPrefix', embeddings: effective.get('none.rows')! }],
    };
    const effective = toParameters(initialValues(method.plan(host().spec), createStream(1)));
    const [withRows] = await ask({}, { method, effective });
    expect(withRows!.ids).not.toEqual((await ask({}))[0]!.ids);
    const [slow] = await ask(
      {},
      {
        method: { ...method, intervene: (e: never, c: never) => [...method.intervene(e, c), ...whole.intervene(e, c)] },
        effective,
      },
    );
    expect(slow!.ids).toEqual(withRows!.ids);
  });
});

describe('repeatedTokens', () => {
  it('are those that would make a group stand twice', () => {
    expect([...repeatedTokens([1, 2, 3, 1, 2], 3)]).toEqual([3]);
    expect([...repeatedTokens([1, 2, 1, 3, 1], 2)].sort()).toEqual([2, 3]);
    expect([...repeatedTokens([4, 5], 1)].sort()).toEqual([4, 5]);
    expect(repeatedTokens([1, 2], 3).size).toBe(0);
    expect(repeatedTokens([1, 1, 1], 0).size).toBe(0);
  });
});

describe('sampleToken', () => {
  const scores = Float64Array.from([Math.log(0.5), Math.log(0.3), Math.log(0.15), Math.log(0.05)]);
  const countsOf = (options: Partial<Parameters<typeof sampleToken>[1]>) => {
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 2000; i++)
      counts[sampleToken(scores, { temperature: 1, topK: null, topP: 1, ...options }, createStream(i))]! += 1 / 2000;
    return counts;
  };
  it('draws by probability, with temperature, number and common probability', () => {
    countsOf({}).forEach((share, token) => expect(Math.abs(share - Math.exp(scores[token]!))).toBeLessThan(0.04));
    expect(countsOf({ topK: 2 }).slice(2)).toEqual([0, 0]);
    expect(countsOf({ topP: 0.7 }).slice(2)).toEqual([0, 0]);
    expect(countsOf({ topP: 0.4 })[0]).toBeCloseTo(1);
    expect(countsOf({ temperature: 0.2 })[0]).toBeGreaterThan(0.85);
  });
});
