import { readFileSync } from 'node:fs';
import { bytesSource, compose, type EncodedText, head, type Host, openSafetensors } from '@tfjs-peft/peft-core';
import { createHost } from '@tfjs-peft/transformer';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { type Gram, gradientGrams, hostTensors, type KernelKind } from '../src/index.js';
import { difference } from './tiny-question.js';

useTestBackend();

interface ModelGolden {
  readonly texts: readonly number[][];
  readonly logits: readonly number[];
  readonly kernels: Record<string, Record<string, number[]>>;
  readonly steps: Record<'sgd' | 'signgd', number[]>;
}
const { model } = JSON.parse(readFileSync(new URL('../goldens/kernels.json', import.meta.url), 'utf8')) as {
  model: ModelGolden;
};
const tiny = new URL('../../transformer/test/tiny-bert/', import.meta.url);
const groupOf = (name: string) =>
  name.startsWith('head')
    ? 'head'
    : name.includes('embeddings')
      ? 'embeddings'
      : name.endsWith('bias')
        ? 'biases'
        : 'weights';

let host: Host;
let grams: ReadonlyMap<KernelKind, Gram>;
beforeAll(async () => {
  const bytes = new Uint8Array(readFileSync(new URL('model.safetensors', tiny)));
  const tensors = openSafetensors(bytesSource('model.safetensors', bytes));
  const config = JSON.parse(readFileSync(new URL('config.json', tiny), 'utf8'));
  const file = await tensors;
  host = await createHost({ config, tensors: file, name: 'tiny-bert', onIgnored: () => {} });
  const read = async (name: string) => ({
    shape: [...file.tensors.get(name)!.shape],
    data: await file.readFloat32(name),
  });
  const rows: EncodedText[] = model.texts.map((inputIds) => ({
    inputIds,
    tokenTypeIds: inputIds.map((_, i) => Number(i > 2)),
  }));
  grams = await gradientGrams({
    host,
    method: compose(head({ labels: ['a', 'b', 'c'], readout: 'pooler' })),
    parameters: new Map([
      ['head.classifier.weight', await read('classifier.weight')],
      ['head.classifier.bias', await read('classifier.bias')],
    ]),
    rows,
    tensors: hostTensors(host.spec),
    groupOf,
    kinds: ['sgd', 'signgd', 'asymmetric-signgd'],
    signThreshold: 1e-6,
    batchSize: 4,
  });
});
afterAll(() => host.dispose());

describe('kernels beside those of torch in double precision', () => {
  it.each([
    ['sgd', 1e-4],
    ['asymmetric-signgd', 1e-3],
    ['signgd', 1e-3],
  ] as const)('%s, every group of tensors', (kind, tolerance) => {
    const gram = grams.get(kind)!;
    for (const [group, values] of Object.entries(model.kernels[kind]!))
      expect([group, difference(gram.groups.get(group)!, values) < tolerance]).toEqual([group, true]);
  });

  it('has the outputs of the same model', () => {
    expect(difference(grams.get('sgd')!.rowOutputs, model.logits)).toBeLessThan(1e-5);
  });

  // Invariant 7: one small step on output 1 of the first text changes all outputs as the kernel says.
  it.each([
    ['sgd', 'sgd', 2e-3],
    ['signgd', 'asymmetric-signgd', 2e-2],
  ] as const)('predicts a step of %s', (step, kind, tolerance) => {
    const { values, rows, outputs } = grams.get(kind)!;
    const width = rows * outputs;
    // The row of the training text: its gradient, or the sign of it, with all others.
    const predicted = values.subarray(width, 2 * width).map((value) => -value);
    expect(difference(predicted, model.steps[step])).toBeLessThan(tolerance);
  });

  it('is symmetric and has no eigenvalue below rounding, signs count entries', async () => {
    const { spectrumOf } = await import('../src/index.js');
    const { values } = grams.get('sgd')!;
    const { smallest, eigenvalues } = spectrumOf(values);
    expect(smallest).toBeGreaterThan(-1e-6 * eigenvalues[0]!);
    const signs = grams.get('signgd')!;
    const n = signs.rows * signs.outputs;
    const diagonal = Array.from({ length: n }, (_, i) => signs.values[i * n + i]!);
    diagonal.forEach((count) => expect(Number.isInteger(count)).toBe(true));
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        expect(Math.abs(signs.values[i * n + j]!)).toBeLessThanOrEqual(Math.min(diagonal[i]!, diagonal[j]!));
    const asymmetric = grams.get('asymmetric-signgd')!.values;
    expect(
      Math.max(...asymmetric.map((value, k) => Math.abs(value - asymmetric[(k % n) * n + Math.floor(k / n)]!))),
    ).toBeGreaterThan(0.1);
  });
});
