import { afterAll, describe, expect, it } from '@jest/globals';
import { createStream, disposeParameters, initialValues, type PeftMethod, toParameters } from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { createToyHost, hidden, toyExamples, toyShift } from '../../test/toy-host.js';
import { codeOf, withHead } from '../../test/toy-request.js';
import { extractFeatures } from '../probe/extract-features.js';
import { predictLogits } from './predict-logits.js';

const host = createToyHost({ dropoutRate: 0.3 });
const texts = toyExamples(13, 'texts').map(({ text }) => text);
const parametersOf = (method: PeftMethod) => {
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  const effective = effectiveParameters(method, raw, host.spec);
  return { raw, effective };
};
const drawing = withHead(toyShift({ noise: 0.5 }));
const plain = withHead(toyShift());
const { raw, effective } = parametersOf(drawing);
afterAll(() => {
  disposeParameters(raw);
  disposeParameters(effective);
  host.dispose();
});

/** Counts passes of the host. */
const counted = () => {
  const count = { passes: 0 };
  return {
    count,
    host: { ...host, forward: (...args: Parameters<typeof host.forward>) => (count.passes++, host.forward(...args)) },
  };
};

describe('predictLogits', () => {
  it('gives the order of the input, whatever the batches', async () => {
    const before = tf.memory().numTensors;
    const whole = await predictLogits({ host, method: plain, effective, texts });
    expect(whole.labels).toBe(2);
    expect(whole.logits).toHaveLength(26);
    for (const [index, text] of texts.entries()) {
      const { logits } = await predictLogits({ host, method: plain, effective, texts: [text] });
      expect(logits[0]).toBeCloseTo(whole.logits[2 * index]!, 5);
    }
    const small = await predictLogits({ host, method: plain, effective, texts, batchSize: 2 });
    small.logits.forEach((logit, index) => expect(logit).toBeCloseTo(whole.logits[index]!, 5));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('draws anew in each draw and for each batch, one draw after the other, the same for the same stream', async () => {
    const options = { host, method: drawing, effective, texts, batchSize: 4, mode: 'sample', draws: 3 } as const;
    const { logits } = await predictLogits({ ...options, stream: createStream(5) });
    expect(logits).toHaveLength(3 * 26);
    expect(logits.subarray(0, 26)).not.toEqual(logits.subarray(26, 52));
    const again = await predictLogits({ ...options, stream: createStream(5) });
    expect(again.logits).toEqual(logits);
    const single = await predictLogits({ ...options, draws: 1, stream: createStream(5) });
    expect(single.logits).toEqual(logits.subarray(0, 26));
    const other = await predictLogits({ ...options, stream: createStream(6) });
    expect(other.logits).not.toEqual(logits);
  });

  it('runs one pass of a method that draws nothing, and as many as asked of one that does', async () => {
    const quiet = counted();
    const repeated = await predictLogits({
      host: quiet.host,
      method: plain,
      effective,
      texts,
      mode: 'sample',
      draws: 3,
    });
    expect(quiet.count.passes).toBe(1);
    expect(repeated.logits.subarray(26, 52)).toEqual(repeated.logits.subarray(0, 26));
    expect(repeated.logits.subarray(52)).toEqual(repeated.logits.subarray(0, 26));
    const loud = counted();
    await predictLogits({ host: loud.host, method: drawing, effective, texts, mode: 'sample', draws: 3 });
    expect(loud.count.passes).toBe(3);
    const dropping = counted();
    const dropped = await predictLogits({
      host: dropping.host,
      method: plain,
      effective,
      texts,
      mode: 'train',
      draws: 3,
    });
    expect(dropping.count.passes).toBe(3);
    expect(dropped.logits.subarray(26, 52)).not.toEqual(dropped.logits.subarray(0, 26));
  });

  it('reports progress up to the end, and takes no texts at all', async () => {
    const seen: string[] = [];
    const onProgress = ({ done, total }: { done: number; total: number }) => seen.push(`${done}/${total}`);
    await predictLogits({
      host,
      method: drawing,
      effective,
      texts,
      mode: 'sample',
      batchSize: 7,
      draws: 2,
      onProgress,
    });
    expect(seen).toEqual(['7/26', '13/26', '20/26', '26/26']);
    expect(await predictLogits({ host, method: plain, effective, texts: [] })).toEqual({
      logits: new Float32Array(0),
      labels: 0,
    });
  });

  it('refuses an empty text and a method without a head, and stops when asked', async () => {
    const before = tf.memory().numTensors;
    const none = { inputIds: [], tokenTypeIds: [] };
    expect(await codeOf(predictLogits({ host, method: plain, effective, texts: [none] }))).toBe('TEXT_EMPTY');
    expect(await codeOf(predictLogits({ host, method: toyShift(), effective, texts }))).toBe('LOGITS_MISSING');
    const signal = AbortSignal.abort();
    expect(await codeOf(predictLogits({ host, method: plain, effective, texts, signal }))).toBe('PREDICTION_ABORTED');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('extractFeatures', () => {
  it('pools each text of the bare host, in the order of the input', async () => {
    const before = tf.memory().numTensors;
    const features = await extractFeatures({ host, texts, batchSize: 4 });
    expect(features).toHaveLength(texts.length * hidden);
    const table = (await host.weight('').array()) as number[][];
    texts.forEach(({ inputIds }, row) => {
      const mean = inputIds.reduce((sum, id) => sum + table[id]![2]!, 0) / inputIds.length;
      expect(features[row * hidden + 2]).toBeCloseTo(mean, 5);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
