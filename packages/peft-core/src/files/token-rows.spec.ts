import { describe, expect, it } from '@jest/globals';
import { toyHost } from '../../test/toy-host.js';
import type { HostSpec } from '../host-spec.js';
import type { NamedArray } from '../parameters.js';
import { savedTokens } from './saved-tokens.js';

const host: HostSpec = {
  ...toyHost,
  sites: [
    { kind: 'table', path: 'embeddings.word_embeddings', rows: 12, size: 2 },
    { kind: 'table', path: 'embeddings.position_embeddings', rows: 12, size: 2 },
    ...toyHost.sites,
  ],
};
type Entry = Parameters<typeof savedTokens>[0]['trainable_token_indices'];

/** Rows of a table hold one number each. */
const member = (trainable_token_indices: Entry, rows: readonly number[], weight = 1) => {
  const method = savedTokens({ trainable_token_indices });
  const { name } = method.plan(host).effective[0]!;
  const data = Float32Array.from(rows.flatMap((row) => [row, row]));
  return { method, effective: new Map<string, NamedArray>([[name, { shape: [rows.length, 2], data }]]), weight };
};
const combine = (...members: ReturnType<typeof member>[]) => {
  const { method, effective } = members[0]!.method.combine!(members, {}, host);
  return { method, rows: [...effective.values()].map(({ data }) => data.filter((_, place) => place % 2 === 0)) };
};
const mismatch = expect.objectContaining({ code: 'COMBINE_MISMATCH' });

describe('combining rows of tokens', () => {
  it('sums rows by their tokens, in the order of the first adapter', () => {
    const { method, rows } = combine(member([5, 6], [1, 2]), member([6, 5], [10, 20], 2));
    expect(rows).toEqual([Float32Array.of(41, 22)]);
    expect(method.config).toMatchObject({ trainable_token_indices: [5, 6] });
  });

  it('knows the same tokens in another spelling', () => {
    expect(combine(member([5], [1]), member({ word_embeddings: [5] }, [10])).rows).toEqual([Float32Array.of(11)]);
    const both = (trainable_token_indices: Entry, rows: readonly number[]) => {
      const method = savedTokens({ trainable_token_indices });
      const effective = method
        .plan(host)
        .effective.map(({ name, shape }, place): [string, NamedArray] => [
          name,
          { shape, data: new Float32Array(2).fill(rows[place]!) },
        ]);
      return { method, effective: new Map(effective), weight: 1 };
    };
    const turned = both({ position_embeddings: [5], word_embeddings: [6] }, [10, 20]);
    expect(combine(both({ word_embeddings: [6], position_embeddings: [5] }, [1, 2]), turned).rows).toEqual([
      Float32Array.of(21),
      Float32Array.of(12),
    ]);
  });

  it('refuses other tokens, and other tables', () => {
    expect(() => combine(member([5, 6], [1, 1]), member([7, 8], [10, 10]))).toThrow(mismatch);
    expect(() => combine(member([5, 6], [1, 1]), member([5], [10]))).toThrow(mismatch);
    expect(() => combine(member([5], [1]), member({ position_embeddings: [5] }, [10]))).toThrow(mismatch);
  });
});
