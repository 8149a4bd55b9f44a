import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  createStream,
  type Host,
  head,
  initialValues,
  type Parameters,
  toParameters,
} from '@tfjs-peft/peft-core';
import { lora } from '@tfjs-peft/lora';
import { prompt } from '@tfjs-peft/prompt';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { createClassifier } from './create-classifier.js';

useTestBackend();
/** A token a letter: `a` is 5. */
const tokenizer = {
  encode(text: string, { pair, maxTokens = Infinity }: { pair?: string; maxTokens?: number } = {}) {
    const ids = [...(text + (pair ?? ''))].map((letter) => letter.charCodeAt(0) - 92);
    const inputIds = [2, ...ids.slice(0, maxTokens - 2), 3];
    return { inputIds, tokenTypeIds: inputIds.map(() => 0), truncated: ids.length + 2 - inputIds.length };
  },
};
let host: Host;
let method = compose(lora({ rank: 2 }), head({ labels: ['no', 'yes'] }));
let effective: Parameters;
beforeAll(async () => {
  host = await createRandomHost({ maxPositionEmbeddings: 16 }, 1);
  effective = toParameters(initialValues(method.plan(host.spec), createStream(1)));
});
afterAll(() => host.dispose());

describe('createClassifier', () => {
  it('answers with the labels of the head, and keeps no tensor', async () => {
    const { labels, predict } = createClassifier({ host, tokenizer, adapter: { method, effective } });
    expect(labels).toEqual(['no', 'yes']);
    // The first pass of a host may pack its weights, which it keeps.
    await predict(['abc']);
    const before = tf.memory().numTensors;
    const answers = await predict(['abc', ['ab', 'c']]);
    expect(tf.memory().numTensors).toBe(before);
    const { logits } = tf.tidy(() => {
      const inputs = {
        inputIds: tf.tensor2d([[2, 5, 6, 7, 3]], undefined, 'int32'),
        attentionMask: tf.ones<tf.Rank.R2>([1, 5], 'int32'),
      };
      const context = {
        mode: 'evaluate',
        host: host.spec,
        batchSize: 1,
        streams: { dropout: createStream(0), draws: createStream(0) },
      } as const;
      return host.forward(inputs, method.intervene(effective, context), context);
    });
    const [no, yes] = (await logits!.data()) as unknown as [number, number];
    expect(answers[0]!.probabilities.yes).toBeCloseTo(1 / (1 + Math.exp(no - yes)), 5);
    expect(answers[1]!.probabilities).toEqual(answers[0]!.probabilities);
    tf.dispose(logits!);
  });
  it('leaves room for the rows of a prompt, and says what it cut', async () => {
    method = compose(prompt({ length: 4 }), head({ labels: ['no', 'yes'] }));
    effective = toParameters(initialValues(method.plan(host.spec), createStream(1)));
    const warnings: string[] = [];
    const classifier = createClassifier({
      host,
      tokenizer,
      adapter: { method, effective },
      onWarning: (text) => warnings.push(text),
    });
    expect(classifier.maxTokens).toBe(12);
    expect((await classifier.predict(['a'.repeat(20)]))[0]!.truncated).toBe(true);
    expect(warnings).toEqual(['1 of 1 texts are longer than 12 tokens; only their beginning was read']);
  });
  it('takes one name for each output, and none for two', () => {
    const named = (labels: readonly string[]) =>
      createClassifier({ host, tokenizer, adapter: { method, effective }, labels });
    expect(named(['a', 'b']).labels).toEqual(['a', 'b']);
    for (const labels of [['a', 'a'], ['a'], ['a', 'b', 'c']])
      expect(() => named(labels)).toThrow(expect.objectContaining({ code: 'LABELS_MISMATCH' }));
  });
  it('needs a head', () => {
    const bare = { method: lora(), effective: new Map() };
    expect(() => createClassifier({ host, tokenizer, adapter: bare })).toThrow(
      expect.objectContaining({ code: 'HEAD_MISSING' }),
    );
  });
});
