import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chooseTensors } from '@tfjs-peft/sift';
import { crossEntropy } from '@tfjs-peft/train';
import { padBatch } from '@tfjs-peft/peft-core';
import { createRandomHost, type EncoderHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { formatGradients, gradientReport } from '../src/analysis/gradient-report.js';
import { measureShares, topShares, weightsOfLayers } from '../src/analysis/measure-shares.js';
import { randomiseHost } from '../src/analysis/randomise-host.js';
import type { GradientAnalysis } from '../src/index.js';

useTestBackend();

let host: EncoderHost;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 40 }, 2);
});
afterAll(() => host.dispose());

const batch = () => ({
  inputs: padBatch(
    [5, 12, 20].map((first) => ({ inputIds: [first, first + 1, first + 2], tokenTypeIds: [0, 0, 0] })),
    0,
  ),
  targets: [0, 1, 0],
});
const shapesOf = (count: number) =>
  measureShares({
    host,
    tensors: weightsOfLayers(host),
    batches: Array.from({ length: count }, batch),
    objective: crossEntropy() as never,
    labels: ['a', 'b'],
    seed: 1,
  });

describe('the shape of gradients', () => {
  it('is a norm and growing shares of it, for each weight of the layers and each batch', async () => {
    const shapes = await shapesOf(2);
    expect([...shapes.keys()].sort()).toEqual(
      weightsOfLayers(host)
        .map(({ path }) => path)
        .sort(),
    );
    expect(shapes.size).toBe(12);
    for (const [one, two] of shapes.values()) {
      expect(one).toEqual(two);
      expect(one!.norm).toBeGreaterThan(0);
      const [least, middle, most] = one!.shares;
      expect(0 < least! && least! <= middle! && middle! < most! && most! < 1).toBe(true);
    }
  });

  it('keeps no tensor', async () => {
    await shapesOf(1);
    const before = tf.memory().numTensors;
    const own = batch();
    await measureShares({
      host,
      tensors: chooseTensors(['query.weight'], host.spec),
      batches: [own],
      objective: crossEntropy() as never,
      labels: ['a', 'b'],
      seed: 1,
    });
    tf.dispose({ ...own.inputs });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is compared with a host of the same shape and other weights, which leaves the first as it is', async () => {
    const path = 'encoder.layer.0.attention.self.query.weight';
    const before = await host.weight(path).data();
    const random = await randomiseHost(host, 1);
    const values = await random.weight(path).data();
    const deviation = Math.sqrt(
      Float32Array.from(values).reduce<number>((sum, value) => sum + value ** 2, 0) / values.length,
    );
    expect(deviation).toBeGreaterThan(0.017);
    expect(deviation).toBeLessThan(0.023);
    expect([...(await random.weight('embeddings.LayerNorm.weight').data())].every((value) => value === 1)).toBe(true);
    expect(random.spec.fingerprint).not.toBe(host.spec.fingerprint);
    random.dispose();
    expect(await host.weight(path).data()).toEqual(before);
  });
});

describe('its report', () => {
  const row = (role: string, layer: number, share: number) => ({
    path: `encoder.layer.${layer}.${role}.weight`,
    role,
    layer,
    entries: 256,
    norm: 0.5,
    pretrained: [share / 2, share, 0.9],
    random: [0.1, 0.2, 0.7],
  });
  const analysis: GradientAnalysis = {
    host: 'tiny <host>',
    task: 'toy',
    batches: 2,
    batchSize: 3,
    topShares,
    rows: [row('query', 0, 0.4), row('query', 1, 0.6), row('value', 0, 0.8)],
    byBatch: {
      pretrained: [
        [0.3, 0.55, 0.9],
        [0.3, 0.65, 0.9],
      ],
      random: [
        [0.1, 0.2, 0.7],
        [0.1, 0.2, 0.7],
      ],
    },
  };

  it('has means by role and over all weights', () => {
    const lines = formatGradients(analysis).split('\n');
    const cells = (start: string) => lines.find((line) => line.startsWith(start))!.split(/\s{2,}/);
    expect(cells('query')).toEqual(['query', '0.25', '0.50', '0.90', '0.10', '0.20', '0.70', '5.0e-1']);
    expect(cells('all')[2]).toBe('0.60');
    expect(lines.at(-1)).toContain('0.55 to 0.65 pretrained');
  });

  it('is a page that loads nothing, with pictures, and escapes names', async () => {
    const html = await gradientReport(analysis);
    expect(html).toContain('tiny &#60;host&#62;');
    expect(html).not.toContain('tiny <host>');
    expect(html.match(/<svg /g)).toHaveLength(2);
    expect(html).toContain("default-src 'none'");
    expect(html).toContain('encoder.layer.1.query.weight');
  });
});
