import { describe, expect, it } from '@jest/globals';
import { createStream, type Host, initialValues, type PeftMethod, type Preparation } from '@tfjs-peft/peft-core';
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

  it('refuses vertices that could not be mixed', async () => {
    const method = subspace(counting([], (vertex) => 1 + vertex));
    await expect(method.prepare!(host, preparationWith({ stream }))).rejects.toMatchObject({
      code: 'VERTICES_DIFFER',
      message: expect.stringContaining('vertex 1'),
    });
  });
});
