import { describe, expect, it } from '@jest/globals';
import { toyHost } from '../test/toy-host.js';
import { pair, toy } from '../test/toy-methods.js';
import { compose } from './compose.js';
import { head } from './head.js';
import { countParameters, findUnevenCoverage, type ParameterPlan, reportCoverage, sizeOf } from './plan.js';

describe('sizeOf', () => {
  it('multiplies lengths; a scalar has size 1', () => {
    expect([sizeOf([]), sizeOf([3]), sizeOf([2, 3, 4]), sizeOf([2, 0])]).toEqual([1, 3, 24, 0]);
  });
});

describe('countParameters', () => {
  it('counts what is trained and what is deployed', () => {
    const method = compose(toy(), head({ labels: ['a', 'b'] }));
    expect(countParameters(method.plan(toyHost))).toEqual({ trainable: 18, effective: 18, buffers: 0 });
    expect(countParameters(pair(method).plan(toyHost))).toEqual({ trainable: 36, effective: 36, buffers: 0 });
  });

  it('leaves frozen parameters out of what is trained', () => {
    const plan: ParameterPlan = {
      raw: [
        { name: 'a.x', shape: [3], initial: { kind: 'constant', value: 0 } },
        { name: 'a.y', shape: [5], initial: { kind: 'constant', value: 0 }, trainable: false },
      ],
      effective: [],
    };
    expect(countParameters(plan)).toEqual({ trainable: 3, effective: 0, buffers: 0 });
  });
});

describe('reportCoverage', () => {
  it('counts sites and numbers by kind, and leaves out kinds that nothing touches', () => {
    const method = compose(toy({ targets: ['query', 'intermediate.dense'], rows: 2 }), head({ labels: ['a', 'b'] }));
    expect(reportCoverage(method.plan(toyHost), toyHost)).toEqual([
      { kind: 'linear', covered: 4, total: 13, numbers: 2 * (4 + 8) * 2, layers: [0, 1] },
      { kind: 'readout', covered: 1, total: 1, numbers: 10, layers: [] },
    ]);
  });

  it('shows an uneven coverage as a gap among the layers', () => {
    const [row] = reportCoverage(toy({ targets: ['layer.1.attention.self.query'] }).plan(toyHost), toyHost);
    expect(row).toMatchObject({ covered: 1, layers: [1] });
  });

  it('counts two parameters at one site once', () => {
    const method = compose(toy(), toy({ name: 'other' }));
    expect(reportCoverage(method.plan(toyHost), toyHost)).toEqual([
      { kind: 'linear', covered: 2, total: 13, numbers: 16, layers: [0, 1] },
    ]);
  });

  it('is empty for a plan without parameters', () => {
    expect(reportCoverage({ raw: [], effective: [] }, toyHost)).toEqual([]);
  });
});

describe('findUnevenCoverage', () => {
  const warnings = (...targets: string[]) => findUnevenCoverage(toy({ targets }).plan(toyHost), toyHost);

  it('says where targets cover different layers', () => {
    expect(warnings('query', 'layer.1.attention.self.value')).toEqual([
      'Targets of kind "linear" cover different layers: encoder.layer.*.attention.self.query in layers 0, 1; encoder.layer.*.attention.self.value in layers 1.',
    ]);
  });

  it('is silent where all cover the same ones, be it only some', () => {
    expect(warnings('query', 'value')).toEqual([]);
    expect(warnings('layer.1.attention.self.query', 'layer.1.attention.self.value')).toEqual([]);
  });
});
