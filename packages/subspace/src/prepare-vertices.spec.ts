import { describe, expect, it } from '@jest/globals';
import { createStream, type Host, initialValues, type PeftMethod } from '@tfjs-peft/peft-core';
import type { Preparation } from '@tfjs-peft/peft-core/authoring';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { subspace } from './subspace.js';

useTestBackend();

const host = { spec: { name: 'toy', fingerprint: 'toy' } } as Host;

/** One number whose first value is given by what `prepare` was told; `size` may depend on it too. */
const counting = (seen: Preparation[], sizeOf = (_vertex: number) => 1): PeftMethod => {
  const made = (vertex: number | null): PeftMethod => ({
    type: 'COUNTING',
    config: {},
    namespaces: ['counting'],
    plan: () => {
      const shape = [sizeOf(vertex ?? 0)];
      const initial =
        vertex === null
          ? ({ kind: 'unprepared' } as const)
          : ({ kind: 'given', values: new Float32Array(shape[0]!).fill(10 + vertex) } as const);
      return {
        raw: [{ name: 'counting.number', shape, initial }],
        effective: [{ name: 'counting.number', shape, site: 'a', perExample: 'none' }],
      };
    },
    intervene: () => [],
    ...(vertex === null && {
      prepare: async (_host, preparation) => {
        seen.push(preparation);
        return made(preparation.vertex);
      },
    }),
  });
  return made(null);
};

describe('prepareVertices', () => {
  const stream = createStream(3);

  it('prepares every vertex once, the first as the method alone, and keeps their first values apart', async () => {
    const seen: Preparation[] = [];
    const method = subspace(counting(seen), { vertices: 3 });
    expect(() => initialValues(method.plan(host.spec), stream)).toThrow(
      expect.objectContaining({ code: 'METHOD_UNPREPARED' }),
    );
    const prepared = await method.prepare!(host, preparationWith({ stream }));
    expect(seen.map(({ vertex }) => vertex)).toEqual([0, 1, 2]);
    expect(seen[0]!.stream).toEqual(stream);
    expect(new Set(seen.map((preparation) => preparation.stream.path)).size).toBe(3);
    const values = initialValues(prepared.plan(host.spec), stream);
    expect([...values].map(([name, { data }]) => [name, data[0]])).toEqual([
      ['counting.vertex.0.number', 10],
      ['counting.vertex.1.number', 11],
      ['counting.vertex.2.number', 12],
    ]);
    expect(prepared.prepare).toBeUndefined();
  });

  it('has one copy of a buffer, and refuses vertices that choose their own', async () => {
    const choosing = (choose: (preparation: Preparation) => number): PeftMethod => {
      const made = (index: number): PeftMethod => ({
        type: 'CHOOSING',
        config: {},
        namespaces: ['choosing'],
        plan: () => ({
          raw: [{ name: 'choosing.value', shape: [1], initial: { kind: 'normal', standardDeviation: 1 } }],
          effective: [{ name: 'choosing.value', shape: [1], site: 'a', perExample: 'none' }],
          buffers: [
            {
              name: 'choosing.index',
              shape: [1],
              dtype: 'int32',
              initial: { kind: 'given', values: Int32Array.of(index) },
            },
          ],
        }),
        intervene: () => [],
      });
      return { ...made(0), prepare: async (_host, preparation) => made(choose(preparation)) };
    };
    const prepare = (method: PeftMethod) => subspace(method).prepare!(host, preparationWith({ stream }));
    const plan = (await prepare(choosing(() => 2 ** 24 + 1))).plan(host.spec);
    const values = initialValues(plan, stream);
    expect([...values.keys()]).toEqual(['choosing.vertex.0.value', 'choosing.vertex.1.value', 'choosing.index']);
    expect([...values.get('choosing.index')!.data]).toEqual([2 ** 24 + 1]);
    await expect(prepare(choosing(({ vertex }) => vertex))).rejects.toMatchObject({ code: 'VERTICES_DIFFER' });
  });

  it('refuses vertices that could not be mixed', async () => {
    const method = subspace(counting([], (vertex) => 1 + vertex));
    await expect(method.prepare!(host, preparationWith({ stream }))).rejects.toMatchObject({
      code: 'VERTICES_DIFFER',
      message: expect.stringContaining('vertex 1'),
    });
  });
});
