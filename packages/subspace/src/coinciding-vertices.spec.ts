import { describe, expect, it } from '@jest/globals';
import { compose, head, type HostSpec, type PeftMethod } from '@tfjs-peft/peft-core';
import type { InitialLaw } from '@tfjs-peft/peft-core/authoring';
import { findCoincidingVertices } from './coinciding-vertices.js';
import { subspace } from './subspace.js';

const host = {
  name: 'toy',
  hiddenSize: 3,
  defaultReadout: 'mean',
  classifier: { output: 'classifier', readout: 'pooler' },
  sites: [{ kind: 'readout', path: 'classifier', size: 3, readouts: ['mean'] }],
} as unknown as HostSpec;

const shifts = (...laws: readonly InitialLaw[]): PeftMethod => ({
  type: 'SHIFTS',
  config: {},
  namespaces: ['shifts'],
  plan: () => ({
    raw: laws.map((initial, i) => ({ name: `shifts.${i}`, shape: [3], initial })),
    effective: laws.map((_, i) => ({
      name: `shifts.${i}`,
      shape: [3],
      site: 'classifier',
      perExample: 'axis' as const,
    })),
  }),
  intervene: () => [],
});
const zero: InitialLaw = { kind: 'constant', value: 0 };
const drawn: InitialLaw = { kind: 'normal', standardDeviation: 1 };
const found = (method: PeftMethod, vertices = 2) => findCoincidingVertices(subspace(method, { vertices }).plan(host));

describe('findCoincidingVertices', () => {
  it('names a method whose vertices all start at one point, and not its neighbours', () => {
    const [message, ...others] = found(compose(shifts(zero, zero), head({ labels: ['a', 'b'] })));
    expect(others).toEqual([]);
    expect(message).toMatch(/^All vertices of "shifts" start at one point.*initialStandardDeviation/);
  });

  it('is content where something is drawn, with one vertex, and without a simplex', () => {
    expect(found(shifts(zero, drawn))).toEqual([]);
    expect(found(shifts(zero), 1)).toEqual([]);
    expect(findCoincidingVertices(shifts(zero).plan(host))).toEqual([]);
  });
});
