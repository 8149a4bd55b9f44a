import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  head,
  type Host,
  isPeftError,
  type PeftMethod,
  runAdapter,
  saveAdapter,
  savedModules,
  savedTokens,
  tokenHead,
  tokenLogits,
  tokenHeadOf,
  readParameters,
} from '@tfjs-peft/peft-core';
import { createRandomDecoder } from '@tfjs-peft/transformer';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { differencesIn, hfFolder, jsonIn, load, randomAdapter, tensorsIn } from '../test/hf-folders.js';
import { largest, smallHost, someInputs } from '../test/small-host.js';
import type { LoraConfig } from './config.js';
import { lora } from './lora.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await smallHost();
});
afterAll(() => host.dispose());

const classifier = head({ labels: ['a', 'b'], readout: 'pooler' });
const poolerTensors = ['pooler.dense.weight', 'pooler.dense.bias'];
const pooler = (name = 'saved') => savedModules({ tensors: poolerTensors, modules: ['pooler'], name });
const words = (name = 'saved') =>
  savedModules({ tensors: ['embeddings.word_embeddings.weight'], modules: ['word_embeddings'], name });
const tokens = (rows: number[], name = 'saved_tokens') => savedTokens({ trainable_token_indices: rows, name });
const choices = (module: 'classifier' | 'qa_outputs') => tokenHead({ labels: ['a', 'b'], module });
const outputs = (adapter: ReturnType<typeof randomAdapter>) =>
  tokenHeadOf(adapter.method)
    ? tokenLogits(host, adapter, someInputs())
    : runAdapter(host, adapter, someInputs()).logits!;

describe('parts that stand beside a LoRA', () => {
  const parts: [string, (name: string) => PeftMethod][] = [
    ['a pooler', pooler],
    ['a table', words],
    ['tokens', (name) => tokens([3], name)],
    ['other tokens', (name) => tokens([4], name)],
    ['a pooler bias', (name) => savedModules({ tensors: ['pooler.dense.bias'], modules: ['pooler'], name })],
    ['a head of tokens', () => choices('classifier')],
    ['a head of answers', () => choices('qa_outputs')],
  ];
  const pairs = parts.flatMap(([first, a], place) =>
    parts.slice(place).map(([second, b]) => [first, second, a, b] as const),
  );

  it.each(pairs)('%s and %s are saved and loaded with the same outputs, or refused', async (_, __, a, b) => {
    for (const alsoHead of [true, false]) {
      let method: PeftMethod;
      try {
        method = compose(lora({ bias: 'lora_only' }), a('one'), b('two'), ...(alsoHead ? [classifier] : []));
      } catch (error) {
        expect(isPeftError(error)).toBe(true);
        continue;
      }
      if (!alsoHead && !tokenHeadOf(method)) continue;
      const adapter = randomAdapter(method, host);
      const files = await saveAdapter(adapter, host).catch((error: unknown) => error);
      if (isPeftError(files)) expect(files.code).toBe('PARTS_OVERLAP');
      else {
        const back = await load(files as Awaited<ReturnType<typeof saveAdapter>>, host);
        expect(await largest(outputs(back).sub(outputs(adapter)))).toBeLessThan(1e-5);
      }
    }
  });

  it.each<[string, () => PeftMethod]>([
    ['two lists of tokens', () => compose(lora(), tokens([3]), tokens([4], 'b'), classifier)],
    ['a tensor twice', () => compose(lora(), pooler(), pooler('b'), classifier)],
    ['all biases, and a module', () => compose(lora({ bias: 'all' }), pooler(), classifier)],
    ['two heads of one name', () => compose(lora(), choices('classifier'), classifier)],
  ])(
    '%s are no adapter of HF peft',
    async (_, make) =>
      await expect(saveAdapter(randomAdapter(make(), host), host)).rejects.toMatchObject({ code: 'PARTS_OVERLAP' }),
  );

  it('and change the same say so', async () => {
    const saved = async (...all: PeftMethod[]) =>
      differencesIn(await saveAdapter(randomAdapter(compose(...all, classifier), host), host));
    expect(await saved(lora({ targets: ['pooler.dense', 'query'] }), pooler())).toEqual([
      'HF peft has no LORA of pooler.dense, which "modules_to_save" holds',
    ]);
    expect(await saved(lora({ targets: ['word_embeddings', 'query'] }), tokens([3]))).toHaveLength(1);
    expect(await saved(lora(), tokens([3]), words())).toHaveLength(1);
    expect(await saved(lora(), tokens([3]), pooler())).toEqual([]);
  });
});

describe('a file of HF peft with modules_to_save', () => {
  const loraOf = (adapter: Awaited<ReturnType<typeof load>>) => adapter.method.parts![0]!.config as LoraConfig;

  it('has no targets in them', async () => {
    const method = compose(lora({ targets: ['dense'], exclude: ['pooler.dense'] }), pooler(), classifier);
    const files = await hfFolder(method, host, { exclude_modules: null, target_modules: ['dense'] });
    const back = await load(files, host);
    expect(await largest(outputs(back).sub(outputs(randomAdapter(method, host))))).toBeLessThan(1e-5);
    const again = await saveAdapter(back, host, { extraConfig: back.extraConfig });
    expect(differencesIn(again)).toEqual([]);
    expect([...(await tensorsIn(again)).keys()].sort()).toEqual([...(await tensorsIn(files)).keys()].sort());
    // Only whole segments count: "oole" takes the pooler in, and leaves it a target.
    const odd = await hfFolder(method, host, {
      exclude_modules: null,
      target_modules: ['dense'],
      modules_to_save: ['ooler'],
    });
    await expect(load(odd, host)).rejects.toMatchObject({ code: 'TENSOR_MISSING' });
  });

  it('has their biases in them, under bias: "all" too', async () => {
    const method = compose(lora({ bias: 'all', pooler: false }), pooler(), classifier);
    const files = await hfFolder(method, host, {}, (tensors) => {
      const start = 'base_model.model.bert.pooler';
      const bias = tensors.get(`${start}.dense.bias`)!;
      tensors.set(`${start}.modules_to_save.dense.bias`, bias);
      tensors.set(`${start}.original_module.dense.bias`, { shape: [8], data: new Float32Array(8) });
    });
    const back = await load(files, host);
    expect(loraOf(back)).toMatchObject({ bias: 'all', pooler: false });
    expect(await largest(outputs(back).sub(outputs(randomAdapter(method, host))))).toBeLessThan(1e-5);
    const again = await saveAdapter(back, host, { extraConfig: back.extraConfig });
    expect(await largest(outputs(await load(again, host)).sub(outputs(back)))).toBeLessThan(1e-5);
    expect(jsonIn(again)).toEqual(jsonIn(files));
  });

  it('and biases of others of them that are trained twice is refused', async () => {
    const files = await hfFolder(compose(lora({ bias: 'all' }), classifier), host, {
      modules_to_save: ['classifier', 'score', 'LayerNorm'],
    });
    await expect(load(files, host)).rejects.toMatchObject({ code: 'CONFIG_KEY_UNSUPPORTED' });
  });
});

describe('the table of the words of a decoder', () => {
  const table = 'base_model.model.model.embed_tokens.weight';
  const decoder = (tiedEmbeddings: boolean) => createRandomDecoder({ modelType: 'llama', tiedEmbeddings } as never, 2);
  const saved = savedModules({ tensors: ['embed_tokens.weight'], modules: ['embed_tokens'] });
  const method = compose(lora({ targets: ['q_proj'] }), saved);
  const states = async (adapter: ReturnType<typeof randomAdapter>, of: Host) =>
    runAdapter(of, adapter, someInputs()).lastHiddenState;

  it('is trained apart from the output embeddings that share it', async () => {
    const tied = await decoder(true);
    const together = await hfFolder(method, tied);
    expect(jsonIn(together)).toMatchObject({ modules_to_save: ['embed_tokens'], ensure_weight_tying: true });
    const alone = await hfFolder(method, tied, { ensure_weight_tying: false });
    await expect(load(alone, tied)).rejects.toMatchObject({ code: 'CONFIG_KEY_UNSUPPORTED' });
    expect(differencesIn(await saveAdapter(randomAdapter(method, tied), tied))).toEqual([]);
    const back = await load(together, tied);
    expect(back.extraConfig).not.toHaveProperty('ensure_weight_tying');
    expect(await largest((await states(back, tied)).sub(await states(randomAdapter(method, tied), tied)))).toBeLessThan(
      1e-5,
    );
    const other = await hfFolder(method, tied, { ensure_weight_tying: true }, (tensors) => {
      const { shape, data } = tensors.get(table)!;
      tensors.set('base_model.model.lm_head.weight', {
        shape,
        data: Float32Array.from(data as Float32Array, (x) => x + 1),
      });
    });
    await expect(load(other, tied)).rejects.toMatchObject({ code: 'TENSOR_UNEXPECTED' });
    // save_embedding_layers puts it into the base, both places, and stores both, tied or not.
    const bare = lora({ targets: ['q_proj'] });
    const stored = (host: Host, path: string) => readParameters(new Map([[path, host.weight(path)]]));
    for (const isTied of [true, false]) {
      const host = isTied ? tied : await decoder(false);
      const words = (await stored(host, 'embed_tokens.weight')).get('embed_tokens.weight')!;
      const outputs = isTied ? words : (await stored(host, 'lm_head.weight')).get('lm_head.weight')!;
      const beside = (changed: typeof outputs) =>
        hfFolder(bare, host, { modules_to_save: null }, (tensors) => {
          tensors.set(table, words as never);
          tensors.set('base_model.model.lm_head.weight', changed as never);
        });
      const { report } = await load(await beside(outputs), host);
      expect(report.dropped).toHaveLength(2);
      const other = { ...outputs, data: Float32Array.from(outputs.data as Float32Array, (x) => x + 1) };
      await expect(load(await beside(other), host)).rejects.toMatchObject({ code: 'TENSOR_UNEXPECTED' });
      host.dispose();
    }
  });

  it('is stored by HF peft beside its own LoRA', async () => {
    const apart = await decoder(false);
    await load(await hfFolder(method, apart), apart);
    const own = apart.weight('embed_tokens.weight');
    const data = new Float32Array(await own.data());
    const files = await hfFolder(
      lora({ targets: ['embed_tokens', 'q_proj'] }),
      apart,
      {},
      (tensors) => void tensors.set(table.replace('.weight', '.base_layer.weight'), { shape: own.shape, data }),
    );
    const { report } = await load(files, apart);
    expect(report.dropped).toEqual([{ name: table, reason: "the host's own table, unchanged" }]);
    apart.dispose();
  });
});
