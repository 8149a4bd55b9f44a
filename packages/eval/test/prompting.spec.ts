import {
  compose,
  type Context,
  createStream,
  type EncodedText,
  evaluationContext,
  type Host,
  initialValues,
  loadAdapter,
  padBatch,
  saveAdapter,
  createRegistry,
  composeDefinition,
  toParameters,
} from '@tfjs-peft/peft-core';
import { lora, loraDefinition } from '@tfjs-peft/lora';
import { minilmFiles } from '@tfjs-peft/minilm';
import { subspace, subspaceDefinition } from '@tfjs-peft/subspace';
import { crossEntropy, labelledTexts, parseTrainConfig, prepareMethod, train } from '@tfjs-peft/train';
import {
  createMlmHead,
  createPromptedHost,
  createRandomHost,
  createTokenizer,
  type EncoderHost,
  memoryTensorSource,
  type MlmHead,
  requireMasks,
  type Tokenizer,
} from '@tfjs-peft/transformer';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import {
  createDemonstrator,
  demonstrationsSchema,
  labelWordHead,
  labelWordHeadDefinition,
  labelWordIds,
  parseTemplate,
  renderPrompt,
  specialIds,
  taskPrompts,
} from '@tfjs-peft/prompting';

useTestBackend();

let tokenizer: Tokenizer;
beforeAll(async () => {
  const { directory } = minilmFiles();
  const read = (name: string) => JSON.parse(readFileSync(join(String(directory), name), 'utf8'));
  tokenizer = await createTokenizer({
    tokenizerJson: read('tokenizer.json'),
    tokenizerConfig: read('tokenizer_config.json'),
  });
});

describe('templates', () => {
  it.each([
    ['sst2', ['a fine film'], '[CLS] a fine film it was [MASK]. [SEP]'],
    ['trec', ['Who wrote it ?'], '[CLS] [MASK] : who wrote it? [SEP]'],
    ['ag_news', ['Stocks rise'], '[CLS] stocks rise this article is about [MASK] news. [SEP]'],
    ['rte', ['A man sleeps.', 'He is awake.'], '[CLS] a man sleeps? [MASK], he is awake. [SEP]'],
    ['mrpc', ['One', 'Two'], '[CLS] one [MASK], two [SEP]'],
    ['qqp', ['One', 'Two'], '[CLS] one [MASK], two [SEP]'],
    ['mnli', ['One way.', 'Two.'], '[CLS] one way? [MASK], two. [SEP]'],
    ['snli', ['One way.', 'Two.'], '[CLS] one way? [MASK], two. [SEP]'],
    ['qnli', ['Who ?', 'He.'], '[CLS] who? [MASK], he. [SEP]'],
    ['sst5', ['a fine film'], '[CLS] a fine film it was [MASK]. [SEP]'],
    ['mr', ['a fine film'], '[CLS] a fine film it was [MASK]. [SEP]'],
    ['cr', ['a fine phone'], '[CLS] a fine phone it was [MASK]. [SEP]'],
    ['mpqa', ['fine'], '[CLS] fine it was [MASK]. [SEP]'],
    ['subj', ['he walks'], '[CLS] he walks this is [MASK]. [SEP]'],
    ['cola', ['he walks'], '[CLS] he walks this is [MASK]. [SEP]'],
  ] as const)('of %s give these tokens', (task, texts, expected) => {
    const { template, words } = taskPrompts[task]!;
    const prompt = renderPrompt({ template: parseTemplate(template), tokenizer, texts });
    expect(tokenizer.decode(prompt.inputIds, { keepSpecialTokens: true })).toBe(expected);
    expect(prompt.inputIds[prompt.maskPosition]).toBe(specialIds(tokenizer).mask);
    expect(prompt.tokenTypeIds).toHaveLength(prompt.inputIds.length);
    expect(labelWordIds(tokenizer, words)).toHaveLength(words.length);
  });

  it('of all tasks have one mask, and words of one token each', () => {
    for (const { template, words } of Object.values(taskPrompts)) {
      expect(parseTemplate(template).pieces.filter(({ kind }) => kind === 'mask')).toHaveLength(1);
      expect(new Set(labelWordIds(tokenizer, words)).size).toBe(words.length);
    }
    expect(Object.keys(taskPrompts)).toHaveLength(16);
  });

  it('cut and change whole characters', () => {
    const seen: string[] = [];
    const listening: Tokenizer = {
      ...tokenizer,
      encode: (text, ...rest) => (seen.push(text as string), tokenizer.encode(text, ...rest)),
    };
    const template = parseTemplate('*cls**sent-_0*?*mask*,*+sentl_1**sep+*');
    renderPrompt({ template, tokenizer: listening, texts: ['What a film 😀', '𐐀bc'] });
    expect(seen).toEqual(expect.arrayContaining(['What a film ', ' 𐐨bc']));
  });

  it('keep the mask whatever the length, and cut the longer text first', () => {
    const long = 'word '.repeat(300);
    const { template } = taskPrompts['rte']!;
    const prompt = renderPrompt({
      template: parseTemplate(template),
      tokenizer,
      texts: [long, 'he is awake'],
      maxTokens: 32,
    });
    expect(prompt.inputIds).toHaveLength(32);
    expect(prompt.inputIds[prompt.maskPosition]).toBe(specialIds(tokenizer).mask);
    expect(tokenizer.decode(prompt.inputIds)).toMatch(/he is awake$/);
    expect(prompt.truncated).toBeGreaterThan(270);
  });

  it.each([
    ['TEMPLATE_WITHOUT_MASK', () => parseTemplate('*cls**sent_0*_fine.*sep+*')],
    ['TEMPLATE_INVALID', () => parseTemplate('*cls**mask**mask**sent_0*')],
    ['TEMPLATE_INVALID', () => parseTemplate('*cls**mask*')],
    ['TEMPLATE_INVALID', () => parseTemplate('*mask**sent_1*')],
    [
      'PROMPT_TEXTS_WRONG',
      () => renderPrompt({ template: parseTemplate('*mask**sent_0*'), tokenizer, texts: ['a', 'b'] }),
    ],
    [
      'PROMPT_TOO_LONG',
      () =>
        renderPrompt({ template: parseTemplate(taskPrompts['sst2']!.template), tokenizer, texts: ['a'], maxTokens: 6 }),
    ],
    [
      'PROMPT_TEXT_WITH_MASK',
      () => renderPrompt({ template: parseTemplate('*mask**sent_0*'), tokenizer, texts: ['a [MASK] of'] }),
    ],
    ['LABEL_WORD_TAKEN', () => labelWordIds(tokenizer, ['Great', 'great'])],
    ['TOKENIZER_UNSUITABLE', () => specialIds({ ...tokenizer, specialTokens: new Map() })],
  ])('refuse: %s', (code, act) => {
    expect(act).toThrow(expect.objectContaining({ code }));
  });

  it('stand before demonstrations, whose texts are cut first', () => {
    const template = parseTemplate(taskPrompts['rte']!.template);
    const texts = ['A man sleeps.', 'He is awake.'];
    const demonstrations = [
      { texts: ['It rains.', 'It is wet.'], word: 'Yes' },
      { texts: ['It snows.', 'It is hot.'], word: 'No' },
    ];
    const prompt = renderPrompt({ template, tokenizer, texts, demonstrations });
    expect(tokenizer.decode(prompt.inputIds, { keepSpecialTokens: true })).toBe(
      '[CLS] a man sleeps? [MASK], he is awake. [SEP] it rains? yes, it is wet. [SEP] it snows? no, it is hot. [SEP]',
    );
    expect(prompt.inputIds.indexOf(specialIds(tokenizer).mask)).toBe(prompt.maskPosition);
    expect(new Set(prompt.tokenTypeIds)).toEqual(new Set([0, 1]));
    const cut = renderPrompt({ template, tokenizer, texts, demonstrations, maxTokens: prompt.inputIds.length - 5 });
    expect(tokenizer.decode(cut.inputIds)).toMatch(/^a man sleeps\?, he is awake\./);
    expect(cut.truncated).toBe(5);
    const least = { template, tokenizer, texts: [texts[0]!.repeat(20), texts[1]!], demonstrations, maxTokens: 40 };
    const short = renderPrompt(least);
    expect(short.inputIds[short.maskPosition]).toBe(specialIds(tokenizer).mask);
    expect(tokenizer.decode(short.inputIds)).toMatch(/it\? yes, it/);
    expect(() => renderPrompt({ ...least, maxTokens: 12 })).toThrow(
      expect.objectContaining({ code: 'PROMPT_TOO_LONG' }),
    );
  });

  it('name words near one that is several tokens', () => {
    expect(() => labelWordIds(tokenizer, ['terible', 'great'])).toThrow(
      expect.objectContaining({ code: 'LABEL_WORD_NOT_ONE_TOKEN', message: expect.stringContaining('"terrible"') }),
    );
  });
});

const mask = 4;
const words = [7, 9];
const labels = ['no', 'yes'];
const someText = (ids: readonly number[]): EncodedText => ({ inputIds: ids, tokenTypeIds: ids.map(() => 0) });
/** The label is whether token 11 is there. */
const examples = Array.from({ length: 16 }, (_, i) => ({
  text: someText([2, i % 2 ? 11 : 12, 13 + (i % 5), mask, 3]),
  label: i % 2,
}));

describe('demonstrations', () => {
  const examples = [
    ['the dog barks at night', 0],
    ['a cat sleeps all day', 0],
    ['stocks rise again', 0],
    ['bonds fall', 0],
    ['the dog runs', 1],
    ['rain in spain', 1],
  ].map(([text, label]) => ({ texts: [text as string], label: label as number }));
  const demonstratorOf = (choose: 'random' | 'similar', given = examples) =>
    createDemonstrator(tokenizer, ['No', 'Yes'], demonstrationsSchema.parse({ choose, examples: given }));
  const draws = Array.from({ length: 24 }, (_, draw) => draw);

  it('are one of each label, others with another draw, the same again, never the text itself', () => {
    const of = demonstratorOf('random');
    const shown = draws.map((draw) => of(['stocks rise again'], draw));
    for (const each of shown) {
      expect(each.map(({ word }) => word)).toEqual(['No', 'Yes']);
      const texts = each.map((one) => examples.find((example) => example.texts[0] === one.texts[0])!);
      expect(texts.map(({ label }) => label)).toEqual([0, 1]);
    }
    const first = new Set(shown.map(([one]) => one!.texts[0]));
    expect([...first].sort()).toEqual(['a cat sleeps all day', 'bonds fall', 'the dog barks at night']);
    expect(demonstratorOf('random')(['stocks rise again'], 3)).toEqual(shown[3]);
  });

  it('may be those that share most with the text', () => {
    const of = demonstratorOf('similar');
    const first = new Set(draws.map((draw) => of(['my dog barks'], draw)[1]!.texts[0]));
    expect([...first]).toEqual(['the dog runs']);
    const others = new Set(draws.map((draw) => of(['stocks and bonds'], draw)[0]!.texts[0]));
    expect([...others].sort()).toEqual(['bonds fall', 'stocks rise again']);
  });

  it('refuse a label without another text', () => {
    const one = [...examples.slice(0, 2), examples[4]!];
    expect(() => demonstratorOf('random', one)(['the dog runs'], 0)).toThrow(
      expect.objectContaining({ code: 'DEMONSTRATIONS_MISSING' }),
    );
  });
});

describe('a prompted host', () => {
  let base: EncoderHost;
  let mlmHead: MlmHead;
  let host: EncoderHost;
  beforeAll(async () => {
    base = await createRandomHost({ hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 40 }, 2);
    const random = (name: string, shape: readonly number[], mean = 0) => {
      const plan = {
        raw: [{ name, shape, initial: { kind: 'normal' as const, standardDeviation: 0.3, mean } }],
        effective: [],
      };
      return [name, initialValues(plan, createStream(1)).get(name)!] as const;
    };
    const tensors = new Map([
      random('cls.predictions.transform.dense.weight', [16, 16]),
      random('cls.predictions.transform.dense.bias', [16]),
      random('cls.predictions.transform.LayerNorm.weight', [16], 1),
      random('cls.predictions.transform.LayerNorm.bias', [16]),
      random('cls.predictions.bias', [40]),
    ]);
    mlmHead = await createMlmHead(base, memoryTensorSource(tensors));
    host = createPromptedHost(base, { mlmHead, maskTokenId: mask });
  });
  afterAll(() => {
    mlmHead.dispose();
    base.dispose();
  });
  const question = { labels, tokenIds: words };
  const registry = createRegistry(
    composeDefinition,
    subspaceDefinition as never,
    loraDefinition as never,
    labelWordHeadDefinition as never,
  );
  const prepared = (method: ReturnType<typeof compose>, from: Host = host) =>
    prepareMethod(method, {
      host: from,
      source: labelledTexts(examples, crossEntropy()),
      objective: crossEntropy(),
      batchSize: 4,
      stream: createStream(3),
    });

  it('starts with the logits of the label words at the mask', async () => {
    const method = await prepared(compose(labelWordHead(question)));
    const texts = examples.slice(0, 3).map(({ text }) => text);
    const [found, expected] = tf.tidy(() => {
      const inputs = padBatch([...texts, someText([2, mask, 3])], 0);
      const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
      const context = evaluationContext(host.spec, 4);
      const { logits, lastHiddenState } = host.forward(inputs, method.intervene(raw, context), context);
      const positions = tf.tensor2d([3, 3, 3, 1], [4, 1], 'int32');
      return [logits!, mlmHead.logits(lastHiddenState, { positions, tokenIds: words }).reshape([4, 2])];
    }) as [tf.Tensor, tf.Tensor];
    expect((await found.sub(expected).abs().max().data())[0]).toBeLessThan(1e-5);
    const alone = tf.tidy(() => {
      const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
      const context: Context = { ...evaluationContext(host.spec, 4), reads: 'logits' };
      return host.forward(padBatch([...texts, someText([2, mask, 3])], 0), method.intervene(raw, context), context)
        .logits!;
    });
    expect((await alone.sub(expected).abs().max().data())[0]).toBeLessThan(1e-5);
    expect(host.spec.fingerprint).not.toBe(base.spec.fingerprint);
  });

  it('takes other weights, and frees them alone', async () => {
    const path = base.spec.sites.find((site) => 'role' in site && site.role === 'query')!.path;
    const weight = base.weight(`${path}.weight`);
    const before = tf.memory().numTensors;
    const changed = await host.withWeights(new Map([[`${path}.weight`, weight.add(1)]]));
    expect(changed.spec.fingerprint).not.toBe(host.spec.fingerprint);
    changed.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(weight.isDisposed).toBe(false);
  });

  it.each([
    ['lora', () => compose(lora({ rank: 2 }), labelWordHead(question))],
    ['a simplex of lora', () => subspace(compose(lora({ rank: 2 }), labelWordHead(question)), { vertices: 2 })],
  ])('trains %s with its head like any texts, and saves it', async (_name, methodOf) => {
    const result = await train({
      host,
      method: methodOf(),
      source: labelledTexts(examples, crossEntropy()),
      objective: crossEntropy(),
      config: parseTrainConfig({ steps: 40, batchSize: 8, learningRate: 0.02, patience: null }),
      seed: 1,
    });
    const losses = result.history.flatMap(({ split, loss }) => (split === 'train' ? [loss!] : []));
    expect(losses.at(-1)!).toBeLessThan(0.6 * losses[0]!);
    const effective = toParameters(result.effective);
    const files = await saveAdapter({ method: result.method, effective, hostFingerprint: host.spec.fingerprint }, host);
    const loaded = await loadAdapter(files, host, registry);
    const outputs = (parameters: typeof effective, method = result.method) =>
      tf.tidy(() => {
        const inputs = padBatch(
          examples.slice(0, 4).map(({ text }) => text),
          0,
        );
        const context = evaluationContext(host.spec, 4);
        return host.forward(inputs, method.intervene(parameters, context), context).logits!;
      });
    const [before, after] = [outputs(effective), outputs(loaded.effective as typeof effective, loaded.method)];
    expect((await before.sub(after).abs().max().data())[0]).toBeLessThan(1e-6);
    tf.dispose([before, after, ...effective.values(), ...loaded.effective.values()]);
  });

  it.each([
    ['LABEL_WORDS_MISMATCH', async () => labelWordHead({ labels: ['a', 'b', 'c'], tokenIds: words }).plan(host.spec)],
    ['CONFIG_INVALID', async () => labelWordHead({ labels, tokenIds: [-1, 2] })],
    ['READOUT_UNAVAILABLE', async () => labelWordHead(question).plan(base.spec)],
    ['MLM_HEAD_MISSING', async () => prepared(compose(labelWordHead(question)), base)],
    ['METHOD_UNPREPARED', async () => initialValues(labelWordHead(question).plan(host.spec), createStream(1))],
    ['PROMPT_MASK_MISSING', async () => requireMasks([someText([2, mask, mask, 3])], mask)],
    [
      'READOUT_UNAVAILABLE',
      async () => host.readOut(tf.zeros([1, 2, 16]), tf.ones([1, 2], 'int32') as tf.Tensor2D, 'mask'),
    ],
  ])('refuses: %s', async (code, act) => {
    await expect(act()).rejects.toMatchObject({ code });
  });
});
