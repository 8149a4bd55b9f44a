import { describe, expect, it } from '@jest/globals';
import { createStream, type HostSpec, initialValues, type NamedArrays, type PeftMethod } from '@tfjs-peft/peft-core';
import { prefix } from './prefix.js';

const host: HostSpec = {
  name: 'two layers',
  modelType: 'bert',
  baseModelPrefix: 'bert',
  classifier: { output: 'classifier', readout: 'pooler' },
  hiddenSize: 4,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  maxPositionEmbeddings: 64,
  padTokenId: 0,
  defaultReadout: 'mean',
  fingerprint: 'none',
  sites: [0, 1].map((layer) => ({
    kind: 'attention',
    path: `encoder.layer.${layer}.attention.self`,
    layer,
    heads: 2,
    headSize: 2,
  })),
};
const flat = (prefixLength: number) => prefix({ prefixLength, reparametrisation: 'none' });
const valuesOf = (method: PeftMethod, seed: number): NamedArrays =>
  initialValues(method.plan(host), createStream(seed));
const name = 'prefix.encoder.layer.1.attention.self.values';
const combine = (
  members: readonly { method: PeftMethod; effective: NamedArrays; weight: number }[],
  strategy?: string,
) => members[0]!.method.combine!(members, { strategy }, host);

describe('combining prefixes', () => {
  it.each([0, 1])('refuses other layers, whichever comes first (%i)', (first) => {
    const methods = [prefix({ prefixLength: 1, reparametrisation: 'none', layers: [0] }), flat(1)];
    const members = methods.map((method) => ({ method, effective: valuesOf(method, 1), weight: 1 }));
    expect(() => combine(first === 0 ? members : members.reverse(), 'concatenate')).toThrow(
      expect.objectContaining({ code: 'COMBINE_MISMATCH' }),
    );
  });

  it('averages prefixes of one length by weight', () => {
    const method = flat(3);
    const [first, second] = [1, 2].map((seed) => valuesOf(method, seed));
    const combined = combine([
      { method, effective: first!, weight: 1 },
      { method, effective: second!, weight: 3 },
    ]);
    const [a, b, mean] = [first!, second!, combined.effective].map((arrays) => arrays.get(name)!.data);
    mean!.forEach((value, i) => expect(value).toBeCloseTo(a![i]! / 4 + (3 * b![i]!) / 4, 6));
  });

  it('concatenates along the positions, of any lengths, and is flat whatever made them', () => {
    const [short, long] = [flat(1), prefix({ prefixLength: 2, mlpHiddenSize: 5 })];
    const [first, second] = [valuesOf(short, 1), valuesOf(flat(2), 2)];
    const { method, effective } = combine(
      [
        { method: short, effective: first, weight: 1 },
        { method: long, effective: second, weight: 1 },
      ],
      'concatenate',
    );
    expect(method.config).toMatchObject({ prefixLength: 3, reparametrisation: 'none' });
    const planned = method.plan(host).effective.map(({ name: own, shape }) => [own, shape]);
    expect(planned).toEqual([...effective].map(([own, { shape }]) => [own, shape]));
    const [a, b, joined] = [first, second, effective].map((arrays) => [...arrays.get(name)!.data]);
    // [heads 2, positions, headSize 2]: head 0 of the first, head 0 of the second, then head 1 of both.
    expect(joined).toEqual([...a!.slice(0, 2), ...b!.slice(0, 4), ...a!.slice(2), ...b!.slice(4)]);
  });

  it('refuses what does not belong together', () => {
    const method = flat(3);
    const member = { method, effective: valuesOf(method, 1), weight: 1 };
    const code = (other: typeof member, strategy?: string) => {
      try {
        combine([member, other], strategy);
        return 'none';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const shifted = prefix({ prefixLength: 3, reparametrisation: 'none', positionPolicy: 'shift' });
    expect(code(member)).toBe('none');
    expect(code(member, 'ties')).toBe('COMBINE_STRATEGY_UNKNOWN');
    expect(code({ ...member, method: shifted })).toBe('COMBINE_MISMATCH');
    expect(code({ method: flat(2), effective: valuesOf(flat(2), 1), weight: 1 })).toBe('COMBINE_MISMATCH');
    expect(code({ ...member, weight: 2 }, 'concatenate')).toBe('COMBINE_MISMATCH');
  });
});
