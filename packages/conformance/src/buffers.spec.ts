import { describe, expect, it } from '@jest/globals';
import type { HostSpec, PeftMethod } from '@tfjs-peft/peft-core';
import { getParameter, matchTargets, type MethodDefinition } from '@tfjs-peft/peft-core/authoring';
import * as z from 'zod';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { checkPeftMethod } from './check-peft-method.js';

useTestBackend();

const config = z.strictObject({});
const targetsOn = (host: HostSpec) => matchTargets(host, 'linear', ['query', 'value']);
const size = 12;

/** Sparse deltas at stored places, and a low-rank delta between matrices that a seed gives: both kinds of buffers in one method. */
const create = (): PeftMethod => ({
  type: 'BUFFERED',
  config: Object.freeze({}),
  namespaces: ['buffered'],
  kinds: ['sparseWeightDelta', 'lowRankDelta'],
  plan(host) {
    const sparse = targetsOn(host).map(({ path }) => ({ name: `buffered.${path}.values`, shape: [size], site: path }));
    const middle = targetsOn(host).map(({ path }) => ({ name: `buffered.${path}.middle`, shape: [4], site: path }));
    const { inputSize, outputSize } = targetsOn(host)[0]!;
    const matrix = (name: string, shape: number[]) => ({
      name: `buffered.${name}`,
      shape,
      dtype: 'float32' as const,
      initial: { kind: 'normal' as const, standardDeviation: 0.3 },
      seed: 5,
    });
    return {
      raw: [...sparse, ...middle].map(({ name, shape }) => ({ name, shape, initial: { kind: 'constant', value: 0 } })),
      effective: [
        ...sparse.map((spec) => ({ ...spec, perExample: 'outputs' as const })),
        ...middle.map((spec) => ({ ...spec, perExample: 'axis' as const })),
      ],
      buffers: [
        {
          name: 'buffered.indices',
          shape: [size],
          dtype: 'int32',
          initial: { kind: 'given', values: Int32Array.from({ length: size }, (_, i) => 19 * i) },
        },
        matrix('down', [inputSize, 4]),
        matrix('up', [4, outputSize]),
      ],
    };
  },
  intervene: (effective, { host }) =>
    targetsOn(host).flatMap(({ path }) => [
      {
        kind: 'sparseWeightDelta' as const,
        path,
        indices: getParameter(effective, 'buffered.indices'),
        values: getParameter(effective, `buffered.${path}.values`),
      },
      {
        kind: 'lowRankDelta' as const,
        path,
        down: getParameter(effective, 'buffered.down'),
        middle: getParameter(effective, `buffered.${path}.middle`),
        up: getParameter(effective, 'buffered.up'),
        scale: 1,
      },
    ]),
});
const definition: MethodDefinition<typeof config> = { type: 'BUFFERED', config, create };

describe('a method with buffers', () => {
  it('passes every check, and every control fails on it', async () => {
    const results = await checkPeftMethod(create, {
      definitions: [definition],
      identityAtStart: true,
      mergeable: true,
    });
    const unfit = results.filter(({ outcome }) => outcome !== 'passed' && outcome !== 'not applicable');
    expect(unfit).toEqual([]);
    const checked = (name: string) => results.find(({ check }) => check === name)!.outcome;
    for (const name of ['batch-axis', 'output-shares', 'save-and-load', 'simplex-points', 'simplex-rows', 'merge'])
      expect([name, checked(name)]).toEqual([name, 'passed']);
  });
});
