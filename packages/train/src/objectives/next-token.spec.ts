import {
  createStream,
  evaluationContext,
  type HostInputs,
  initialValues,
  padBatch,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { lossAndGradients, lossOfBatch } from '@tfjs-peft/peft-core/authoring';
import { createRandomDecoder, createRandomHost, type DecoderHost } from '@tfjs-peft/transformer';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import {
  completion,
  type LanguageExample,
  languageTexts,
  packDocuments,
  wholeText,
} from '../batches/language-texts.js';
import { perplexityOf, scoreTexts } from '../evaluate/perplexity.js';
import { train } from '../run/train.js';
import { parseTrainConfig } from '../run/train-config.js';
import { nextToken } from './next-token.js';
import { vocabularyLoss } from './vocabulary-loss.js';

useTestBackend();

/** Trains the word embeddings, which are the output embeddings too, and the last norm. */
const few: PeftMethod = {
  type: 'FEW',
  config: {},
  namespaces: ['few'],
  plan: ({ hiddenSize }) => ({
    raw: [
      { name: 'few.table', shape: [100, hiddenSize], initial: { kind: 'normal', standardDeviation: 0.05 } },
      { name: 'few.norm', shape: [hiddenSize], initial: { kind: 'constant', value: 0 } },
    ],
    effective: [
      { name: 'few.table', shape: [100, hiddenSize], site: 'wte', perExample: 'none' },
      { name: 'few.norm', shape: [hiddenSize], site: 'ln_f', perExample: 'none' },
    ],
  }),
  intervene: (effective) => [
    { kind: 'weightDelta', path: 'wte', delta: effective.get('few.table')! },
    { kind: 'weightDelta', path: 'ln_f', delta: effective.get('few.norm')! },
  ],
};
const none: PeftMethod = { ...few, plan: () => ({ raw: [], effective: [] }), intervene: () => [] };

let host: DecoderHost;
beforeAll(async () => {
  host = await createRandomDecoder({ hiddenSize: 16, numAttentionHeads: 2, numHiddenLayers: 1, intermediateSize: 24 });
});
afterAll(() => host.dispose());

const ids = (length: number, from: number) => Array.from({ length }, (_, i) => 3 + ((from * 37 + i * i * 11) % 97));
const documents = [
  wholeText({ inputIds: ids(5, 1) }, 12),
  wholeText({ inputIds: ids(9, 2) }, 20),
  wholeText({ inputIds: ids(3, 3) }, 8),
];
const batchOf = (examples: readonly LanguageExample[]) => ({
  inputs: padBatch(
    examples.map(({ text }) => text),
    0,
  ) as HostInputs,
  targets: examples.map(({ weights }) => weights),
});
const lossOf = (examples: readonly LanguageExample[], method = none, labelSmoothing = 0) => {
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  const batch = batchOf(examples);
  const context = evaluationContext(host.spec, examples.length);
  return lossOfBatch({ host, method, raw, batch, objective: nextToken({ labelSmoothing }), context });
};
const valueOf = async (loss: tf.Scalar) => (await loss.data())[0]!;

/** The same by all logits at once, in double precision. */
async function byHand(examples: readonly LanguageExample[], smoothing: number): Promise<number> {
  const { inputs } = batchOf(examples);
  const { lastHiddenState, outputEmbeddings } = host.forward(inputs, [], evaluationContext(host.spec, examples.length));
  const [batch, tokens, size] = lastHiddenState.shape;
  const logits = (await tf
    .matMul(lastHiddenState.reshape([-1, size]), outputEmbeddings!.table, false, true)
    .reshape([batch, tokens, -1])
    .array()) as number[][][];
  let [sum, count] = [0, 0];
  examples.forEach(({ text, weights }, row) =>
    weights.forEach((weight, token) => {
      if (weight === 0) return;
      const z = logits[row]![token - 1]!;
      const total = Math.log(z.reduce((all, value) => all + Math.exp(value), 0));
      const mean = z.reduce((all, value) => all + total - value, 0) / z.length;
      sum += weight * ((1 - smoothing) * (total - z[text.inputIds[token]!]!) + smoothing * mean);
      count += weight;
    }),
  );
  return sum / count;
}

describe('nextToken', () => {
  it.each([NaN, -1])('refuses the weight %d', async (weight) => {
    const lastHiddenState = tf.ones([1, 3, 2]) as tf.Tensor3D;
    const inputs = { inputIds: tf.ones([1, 3], 'int32'), attentionMask: tf.ones([1, 3], 'int32') } as never;
    const outputs = { lastHiddenState, outputEmbeddings: { table: tf.ones([4, 2]) as tf.Tensor2D, frozen: true } };
    const loss = () =>
      nextToken().loss(() => outputs, { inputs, targets: [[0, 1, weight]] }, evaluationContext(host.spec, 1));
    expect(loss).toThrow(expect.objectContaining({ code: 'LABEL_INVALID' }));
  });

  it.each([0, 0.1])('is the mean cross entropy of the tokens that count, label smoothing %f', async (smoothing) => {
    const examples = [...documents, completion({ inputIds: ids(4, 8) }, { inputIds: ids(3, 9) })];
    expect(await valueOf(lossOf(examples, none, smoothing).loss)).toBeCloseTo(await byHand(examples, smoothing), 5);
  });

  it('counts a completion alone', async () => {
    const [context, answer] = [ids(4, 5), ids(2, 6)];
    const whole = wholeText({ inputIds: [...context, ...answer] });
    const half = completion({ inputIds: context }, { inputIds: answer });
    expect(half.weights).toEqual([0, 0, 0, 0, 1, 1]);
    expect(await valueOf(lossOf([half]).loss)).toBeCloseTo(await byHand([half], 0), 5);
    expect(await valueOf(lossOf([half]).loss)).not.toBeCloseTo(await valueOf(lossOf([whole]).loss), 3);
  });

  it('has the gradients of differences, of the states by way of a norm and of the table that is used twice', async () => {
    const raw = toParameters(initialValues(few.plan(host.spec), createStream(1)));
    const lossAt = (name: string, shift: tf.Tensor) => {
      const moved = new Map(raw).set(name, raw.get(name)!.add(shift));
      const batch = batchOf(documents);
      const context = evaluationContext(host.spec, 3);
      return lossAndGradients({
        host,
        method: few,
        raw: moved,
        batch,
        objective: nextToken({ labelSmoothing: 0.1 }),
        context,
      });
    };
    for (const name of ['few.table', 'few.norm']) {
      const { gradients } = lossAt(name, tf.scalar(0));
      const direction = tf.randomNormal(raw.get(name)!.shape, 0, 1, 'float32', 4);
      const unit = direction.div(direction.norm());
      const step = 1e-2;
      const [plus, minus] = [
        await valueOf(lossAt(name, unit.mul(step)).loss),
        await valueOf(lossAt(name, unit.mul(-step)).loss),
      ];
      const slope = (await gradients.get(name)!.mul(unit).sum().data())[0]!;
      expect(Math.abs(slope)).toBeGreaterThan(1e-3);
      expect(slope).toBeCloseTo((plus - minus) / (2 * step), 3);
    }
  });

  it('scores with a changed table as the merged host does', async () => {
    const raw = toParameters(initialValues(few.plan(host.spec), createStream(1)));
    const table = host.weight('wte.weight').add(raw.get('few.table')!);
    const merged = await host.withWeights(new Map([['wte.weight', table]]));
    const request = { batch: batchOf(documents), objective: nextToken(), context: evaluationContext(host.spec, 3) };
    const [apart, whole] = [
      lossOfBatch({ ...request, host, method: few, raw }),
      lossOfBatch({ ...request, host: merged, method: none, raw: new Map() }),
    ];
    expect(await valueOf(apart.loss)).toBeCloseTo(await valueOf(whole.loss), 4);
    expect(await valueOf(apart.loss)).not.toBeCloseTo(await valueOf(lossOf(documents).loss), 3);
    merged.dispose();
  });

  it('is the same in blocks of any size, loss and gradients', async () => {
    const states = tf.randomNormal([7, 5], 0, 1, 'float32', 1) as tf.Tensor2D;
    const table = tf.randomNormal([11, 5], 0, 1, 'float32', 2) as tf.Tensor2D;
    const tokens = {
      ids: tf.tensor1d([3, 10, 0, 3, 7, 7, 1], 'int32'),
      weights: tf.tensor1d([1, 0.5, 2, 1, 1, 0.25, 3]),
      labelSmoothing: 0.2,
    };
    const at = (block: number) => {
      const loss = (x: tf.Tensor, y: tf.Tensor) =>
        vocabularyLoss({ ...tokens, states: x as tf.Tensor2D }, { table: y as tf.Tensor2D, frozen: false }, block);
      return [loss(states, table), ...tf.grads(loss)([states, table])];
    };
    const [whole, pieces] = [at(7), at(2)];
    for (const [index, tensor] of whole.entries())
      expect((await tensor.sub(pieces[index]!).abs().max().data())[0]).toBeLessThan(1e-5);
    const frozen = tf.grad((x: tf.Tensor) =>
      vocabularyLoss({ ...tokens, states: x as tf.Tensor2D }, { table, frozen: true }, 3),
    );
    expect((await frozen(states).sub(whole[1]!).abs().max().data())[0]).toBeLessThan(1e-5);
  });

  it('packs packed rows as it packs their documents', () => {
    for (const length of [4, 7, 16])
      expect(packDocuments(packDocuments(documents, 16), length).map(({ text, weights }) => [text, weights])).toEqual(
        packDocuments(documents, length).map(({ text, weights }) => [text, weights]),
      );
  });

  it('keeps the documents of a packed row apart', async () => {
    const packed = packDocuments(documents, 16);
    expect(packed.map(({ text }) => text.documents)).toEqual([
      [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
      [0, 0, 0],
    ]);
    expect(packed.map(({ bytes }) => bytes)).toEqual([32, 8]);
    expect(await valueOf(lossOf(packed).loss)).toBeCloseTo(await valueOf(lossOf(documents).loss), 5);
    // The control: rows that only stand one after the other see what came before.
    const leaking = packed.map((row) => ({
      ...row,
      text: { ...row.text, documents: undefined },
    })) as unknown as LanguageExample[];
    expect(await valueOf(lossOf(leaking).loss)).not.toBeCloseTo(await valueOf(lossOf(documents).loss), 3);
    // Cut documents overlap by a token: each but the first is predicted once.
    const counted = (examples: readonly LanguageExample[]) =>
      examples.reduce((sum, { weights }) => sum + weights.filter((weight) => weight > 0).length, 0);
    for (const length of [2, 4, 8]) expect(counted(packDocuments(documents, length))).toBe(counted(documents));
    const context = completion({ inputIds: [1, 2, 3, 4, 5, 6] }, { inputIds: [7, 8] }, 10);
    expect(packDocuments([context], 4)).toEqual([
      { text: expect.objectContaining({ inputIds: [4, 5, 6, 7] }), weights: [0, 0, 0, 1], bytes: 10 },
      { text: expect.objectContaining({ inputIds: [7, 8] }), weights: [0, 1], bytes: 0 },
    ]);
    const cut = packDocuments(documents, 4);
    expect(cut.every(({ text }) => text.inputIds.length <= 4)).toBe(true);
    // What stands before the first token of a piece is another document, or nothing.
    for (const { text, weights } of cut)
      weights.forEach((weight, token) => {
        const begins = token === 0 || text.documents![token] !== text.documents![token - 1];
        expect(weight).toBe(begins ? 0 : 1);
      });
  });

  it('refuses a gate that is a function of the text: tokens would see what they are to predict', async () => {
    const gate = () => tf.ones([1]) as tf.Tensor1D;
    const keys = tf.zeros([2, 1, 8]);
    const gated: PeftMethod = {
      ...none,
      intervene: () => [
        { kind: 'keyValuePrefix', path: 'h.0.attn', keys, values: keys, positions: 'keep', gate } as never,
      ],
    };
    const examples = documents.slice(0, 1);
    expect(() => lossOf(examples, gated)).toThrow(expect.objectContaining({ code: 'TOKENS_AHEAD_SEEN' }));
    await expect(scoreTexts({ host, method: gated, effective: new Map(), examples })).rejects.toMatchObject({
      code: 'TOKENS_AHEAD_SEEN',
    });
    expect(() => lossOf(packDocuments(documents, 16), gated)).toThrow(
      expect.objectContaining({ code: 'HOST_INPUTS_INVALID' }),
    );
  });

  it('refuses what cannot be learned', async () => {
    expect(() => completion({ inputIds: [] }, { inputIds: [1] })).toThrow(
      expect.objectContaining({ code: 'TEXT_EMPTY' }),
    );
    expect(() => completion({ inputIds: [1] }, { inputIds: [] })).toThrow(
      expect.objectContaining({ code: 'COMPLETION_EMPTY' }),
    );
    expect(() => packDocuments(documents, 1)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    expect(() => languageTexts([])).toThrow(expect.objectContaining({ code: 'TRAINING_DATA_EMPTY' }));
    const short = { text: documents[0]!.text, weights: [1] };
    expect(() => languageTexts([short])).toThrow(expect.objectContaining({ code: 'LABEL_INVALID' }));
    const encoder = await createRandomHost();
    const batch = batchOf(documents.slice(0, 1));
    const request = {
      host: encoder,
      method: none,
      raw: new Map(),
      batch,
      objective: nextToken(),
      context: evaluationContext(encoder.spec, 1),
    };
    expect(() => lossOfBatch(request)).toThrow(expect.objectContaining({ code: 'LANGUAGE_MODEL_MISSING' }));
    const packed = batchOf(packDocuments(documents, 16));
    expect(() => lossOfBatch({ ...request, batch: packed })).toThrow(
      expect.objectContaining({ code: 'HOST_INPUTS_INVALID' }),
    );
    encoder.dispose();
  });
});

describe('perplexity', () => {
  it('is by token and by byte, whatever the batches', async () => {
    const mean = await byHand(documents, 0);
    for (const batchSize of [1, 3]) {
      const score = await scoreTexts({ host, method: none, effective: new Map(), examples: documents, batchSize });
      expect(score.tokens).toBe(14);
      expect(score.bytes).toBe(40);
      expect(score.perplexity / Math.exp(mean)).toBeCloseTo(1, 4);
      expect(score.bytePerplexity! / Math.exp((mean * 14) / 40)).toBeCloseTo(1, 4);
    }
  });

  it('over draws has the midpoint beside it, unless that is not asked for', async () => {
    const state = { host, method: none, raw: new Map(), effective: new Map(), stream: createStream(1) };
    const judged = (validation: object) =>
      perplexityOf(documents).evaluate({ ...state, config: parseTrainConfig({ validation }) });
    expect(() => perplexityOf([])).toThrow(expect.objectContaining({ code: 'DEV_EMPTY' }));
    const midpoint = await judged({ mode: 'midpoint' });
    const drawn = await judged({ mode: 'stochastic', draws: 2 });
    expect(midpoint).not.toHaveProperty('midpointMetrics');
    expect(drawn.midpointMetrics).toEqual(midpoint.metrics);
    expect(await judged({ mode: 'stochastic', draws: 2, logMidpoint: false })).not.toHaveProperty('midpointMetrics');
  });

  it('falls when the texts are learned', async () => {
    const before = await scoreTexts({ host, method: none, effective: new Map(), examples: documents });
    const { effective, bestStep } = await train({
      host,
      method: few,
      source: languageTexts(documents),
      objective: nextToken(),
      evaluator: perplexityOf(documents),
      config: parseTrainConfig({ steps: 12, batchSize: 3, learningRate: 0.05, evaluateEvery: { minSteps: 4 } }),
      seed: 1,
    });
    expect(bestStep).toBeGreaterThan(0);
    const after = await scoreTexts({ host, method: few, effective: toParameters(effective), examples: documents });
    expect(after.perplexity).toBeLessThan(0.8 * before.perplexity);
  });
});
