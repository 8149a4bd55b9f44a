import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compose } from './compose.js';
import type { HostSpec } from './host-spec.js';
import { interventionRules } from './intervention-rules.js';
import type { PeftMethod } from './method.js';
import { checkPlaces, findMisplaced } from './places.js';

const host = { name: 'toy', sites: [] } as unknown as HostSpec;

/** A method whose buffer chooses entries of one tensor; not known yet if null. */
const choosing = (name: string, chosen: number[] | null, tensor = 'a.weight'): PeftMethod => ({
  type: 'CHOOSING',
  config: {},
  namespaces: [name],
  plan: () => ({
    raw: [],
    effective: [],
    buffers: [
      {
        name: `${name}.${tensor}.indices`,
        shape: [chosen?.length ?? 2],
        dtype: 'int32',
        initial: chosen ? { kind: 'given', values: Int32Array.from(chosen) } : { kind: 'unprepared' },
        places: { tensor, size: 10 },
      },
    ],
  }),
  intervene: () => [],
});

describe('places', () => {
  it.each<[number[], string]>([
    [[0, 10], 'out of range'],
    [[-1, 3], 'out of range'],
    [[3, 3], 'a second time'],
    [[4, 3], 'not sorted'],
    [[0, Number.NaN], 'out of range'],
  ])('%j of ten are refused', (data, text) => {
    expect(findMisplaced(data, 10)).toContain(text);
    const name = 'one.a.weight.indices';
    const check = () =>
      checkPlaces(
        new Map([[name, { shape: [2], data: Int32Array.from(data) }]]),
        choosing('one', [0]).plan(host),
        'file',
      );
    if (!data.some(Number.isNaN)) expect(check).toThrow(expect.objectContaining({ code: 'PLACES_INVALID' }));
  });

  it('in order and each once are fine', () => expect(findMisplaced([0, 4, 9], 10)).toBeUndefined());

  it('that two parts share are said in the plan of their composition', () => {
    const notesOf = (...parts: PeftMethod[]) => compose(...parts).plan(host).notes;
    expect(notesOf(choosing('one', [1, 2, 5]), choosing('two', [2, 5, 7]))).toEqual([
      '"one" and "two" move the same 2 entries of 1 tensors: their increments are added.',
    ]);
    expect(notesOf(choosing('one', [1]), choosing('two', [2]))).toBeUndefined();
    expect(notesOf(choosing('one', [1]), choosing('two', [1], 'b.weight'))).toBeUndefined();
    expect(notesOf(choosing('one', null), choosing('two', [1]))).toEqual([
      expect.stringContaining('choose entries of the same 1 tensors'),
    ]);
  });

  it('are the only ones whose bits change when they are merged', async () => {
    const weight = tf.tensor1d([-0, 1, -0, 2]);
    const { merge } = interventionRules.sparseWeightDelta;
    const item = {
      kind: 'sparseWeightDelta',
      path: 'a',
      indices: tf.tensor1d([1, 3, 3], 'int32'),
      values: tf.tensor1d([0.5, 1, 2]),
    } as const;
    const merged = await merge!.weight!(weight, item, weight, weight).data();
    expect([...merged].map((value) => (Object.is(value, -0) ? '-0' : value))).toEqual(['-0', 1.5, '-0', 5]);
  });
});
