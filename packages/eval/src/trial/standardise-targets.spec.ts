import { describe, expect, it } from '@jest/globals';
import { compose, head, type NamedArrays } from '@tfjs-peft/peft-core';
import { subspace } from '@tfjs-peft/subspace';
import { foldTargetScale, standardise, targetScaleOf } from './standardise-targets.js';

const prices = [1000, 3000, 5000];
const scale = targetScaleOf(prices);
const one = head({ labels: ['price'], hidden: 'tanh' });
const array = (...data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) });

describe('targets of a regression', () => {
  it('have mean 0 and deviation 1 in training, whatever their unit', () => {
    const labels = standardise(
      prices.map((label) => ({ label })),
      scale,
    ).map(({ label }) => label);
    expect(labels.reduce((sum, label) => sum + label, 0)).toBeCloseTo(0);
    expect(labels.reduce((sum, label) => sum + label ** 2, 0) / labels.length).toBeCloseTo(1);
    expect(targetScaleOf([7, 7])).toEqual({ mean: 7, standardDeviation: 1 });
  });

  it('come back in their unit from the last map of the head alone, so that HF reads the same', () => {
    const { weight, bias } = one.head!.names;
    const own: NamedArrays = new Map([
      [weight, array(0.5, -1)],
      [bias, array(0.25)],
      [one.head!.names.hiddenWeight, array(3)],
      ['lora.query.up', array(2)],
    ]);
    const folded = foldTargetScale(compose(one), own, scale);
    const features = [0.2, -0.4];
    const output = (from: NamedArrays) =>
      features.reduce((sum, x, i) => sum + x * from.get(weight)!.data[i]!, from.get(bias)!.data[0]!);
    expect(output(folded)).toBeCloseTo(output(own) * scale.standardDeviation + scale.mean, 2);
    for (const other of [one.head!.names.hiddenWeight, 'lora.query.up']) expect(folded.get(other)).toBe(own.get(other));
  });

  it('come back at every vertex of a simplex, and so at each of its points', () => {
    const method = subspace(one, { vertices: 2 });
    const at = (vertex: number) => one.head!.names.bias.replace('head.', `head.vertex.${vertex}.`);
    const effective: NamedArrays = new Map([
      [at(0), array(1)],
      [at(1), array(-1)],
    ]);
    const folded = foldTargetScale(method, effective, { mean: 10, standardDeviation: 2 });
    expect([...folded.values()].map(({ data }) => data[0])).toEqual([12, 8]);
  });
});
