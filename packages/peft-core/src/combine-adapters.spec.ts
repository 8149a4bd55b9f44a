import { describe, expect, it } from '@jest/globals';
import { peftErrorOf } from '../test/bad-files.js';
import { randomAdapter } from '../test/toy-adapters.js';
import { toyHost } from '../test/toy-host.js';
import { own, pair, toy } from '../test/toy-methods.js';
import type { Adapter } from './adapter.js';
import { combineAdapters } from './combine-adapters.js';
import { compose } from './compose.js';
import { head } from './head.js';
import { disposeParameters, type NamedArrays, readParameters } from './parameters.js';
import type { PeftMethod } from './method.js';

const labels = ['a', 'b'];
/** The same method with other numbers. */
const doubled = (adapter: Adapter): Adapter => ({
  ...adapter,
  effective: new Map([...adapter.effective].map(([name, tensor]) => [name, tensor.mul(3)])),
});
const both = (method: PeftMethod) => {
  const first = randomAdapter(method);
  return [
    { adapter: first, weight: 0.25 },
    { adapter: doubled(first), weight: 0.75 },
  ];
};
async function numbersOf(adapter: Adapter): Promise<NamedArrays> {
  const arrays = await readParameters(adapter.effective);
  disposeParameters(adapter.effective);
  return arrays;
}

describe('combineAdapters', () => {
  it('asks each part for its rule and averages heads by weight', async () => {
    const members = both(compose(toy({ rows: 2 }), head({ labels })));
    const first = await readParameters(members[0]!.adapter.effective);
    const combined = await numbersOf(await combineAdapters(members, toyHost));
    expect([...combined.keys()]).toEqual([...first.keys()]);
    for (const [name, { data }] of combined)
      data.forEach((value, i) => expect(value).toBeCloseTo(first.get(name)!.data[i]! * 2.5, 5));
  });

  it('keeps or drops the head if asked to', async () => {
    const members = both(compose(toy(), head({ labels })));
    const first = await readParameters(members[0]!.adapter.effective);
    const kept = await numbersOf(await combineAdapters(members, toyHost, { head: 'keep' }));
    expect(kept.get('head.classifier.weight')).toEqual(first.get('head.classifier.weight'));
    const dropped = await combineAdapters(members, toyHost, { head: 'drop' });
    expect(dropped.method.namespaces).toEqual(['toy']);
    await numbersOf(dropped);
  });

  it('takes the midpoint of a simplex, and passes options by type', async () => {
    const members = both(pair(toy()));
    const combined = await combineAdapters(members, toyHost, { byType: { TOY: { strategy: 'linear' } } });
    expect(combined.method.type).toBe('TOY');
    await numbersOf(combined);
    const error = await peftErrorOf(() => combineAdapters(members, toyHost, { byType: { TOY: { strategy: 'ties' } } }));
    expect(error.code).toBe('COMBINE_STRATEGY_UNKNOWN');
  });

  it('refuses weights that give no numbers', async () => {
    const [first, second] = both(compose(toy(), head({ labels })));
    const errorOf = (weights: readonly [number, number], options = {}) =>
      peftErrorOf(() =>
        combineAdapters(
          [first!, second!].map(({ adapter }, i) => ({ adapter, weight: weights[i]! })),
          toyHost,
          options,
        ),
      );
    for (const weight of [NaN, Infinity, -Infinity])
      for (const options of [{}, { head: 'drop' }])
        expect((await errorOf([1, weight], options)).code).toBe('COMBINE_OPTION_INVALID');
    const opposite = await errorOf([1, -1]);
    expect(opposite.code).toBe('COMBINE_OPTION_INVALID');
    expect(opposite.text.fix).toContain('`head: "keep"` or `head: "drop"`');
    const members = [first!, second!].map(({ adapter }, i) => ({ adapter, weight: i === 0 ? 1 : -1 }));
    for (const policy of ['keep', 'drop'] as const) {
      const difference = await numbersOf(await combineAdapters(members, toyHost, { head: policy }));
      for (const { data } of difference.values()) expect([...data].every(Number.isFinite)).toBe(true);
    }
  });

  it('refuses options for a type that no part has', async () => {
    const members = both(compose(toy(), head({ labels })));
    const errorOf = (type: string) =>
      peftErrorOf(() => combineAdapters(members, toyHost, { byType: { [type]: { strategy: 'linear' } } }));
    const slip = await errorOf('toy');
    expect(slip.code).toBe('COMBINE_OPTION_INVALID');
    expect(slip.text.fix).toContain('did you mean "TOY"?');
    expect((await errorOf('PREFIX_TUNING')).code).toBe('COMBINE_OPTION_INVALID');
    const dropped = await combineAdapters(members, toyHost, { head: 'drop', byType: { HEAD: {} } });
    await numbersOf(dropped);
  });

  it('refuses what does not belong together', async () => {
    const [first] = both(compose(toy(), head({ labels })));
    const codeOf = async (adapter: Adapter) =>
      (await peftErrorOf(() => combineAdapters([first!, { adapter, weight: 1 }], toyHost))).code;
    expect(await codeOf(randomAdapter(toy()))).toBe('COMBINE_MISMATCH');
    expect(await codeOf(randomAdapter(compose(toy({ rows: 2 }), head({ labels }))))).toBe('COMBINE_MISMATCH');
    expect(await codeOf(randomAdapter(compose(toy(), head({ labels: ['b', 'a'] }))))).toBe('COMBINE_MISMATCH');
    expect(await codeOf({ ...first!.adapter, hostFingerprint: 'other' })).toBe('COMBINE_MISMATCH');
    expect((await peftErrorOf(() => combineAdapters([], toyHost))).code).toBe('COMBINE_MISMATCH');
    const error = await peftErrorOf(() => combineAdapters(both(own()), toyHost));
    expect(error.code).toBe('COMBINE_UNSUPPORTED');
    expect(error.message).toContain('OWN');
  });
});
