import { type NamedArray, PeftError } from '@tfjs-peft/peft-core';
import {
  floatsOf,
  chooseStrategy,
  type CombinedMethod,
  type CombineMember,
  type CombineOptions,
} from '@tfjs-peft/peft-core/authoring';

/** A gate's new value from those of the members and their weights. Undefined powers are NaN. */
const strategies: Readonly<
  Record<'linear' | 'product', (values: readonly number[], weights: readonly number[]) => number>
> = {
  linear: (values, weights) => values.reduce((sum, value, member) => sum + weights[member]! * (value - 1), 1),
  product: (values, weights) => values.reduce((product, value, member) => product * value ** weights[member]!, 1),
};

/**
 * Gates of one IA3 from several, l of a member with weight w:
 * - `linear` (the usual one): `1 + Σ w (l - 1)`, the weighted sum of what the gates change; weights that sum to one average the gates.
 * - `product`: `Π l^w`; with weights of one it is what the members do one after the other, else a weighted geometric mean.
 *
 * `sidesOf` tells on which side of its map each gate of a member acts. The result has the first member's configuration.
 * Errors: `COMBINE_STRATEGY_UNKNOWN`, `COMBINE_OPTION_INVALID`; `COMBINE_MISMATCH` for other targets, or other sides of them;
 * `COMBINE_UNDEFINED` for a power without a value: a broken one of a negative gate, a negative one of a gate that is zero.
 */
export function combineGates(
  members: readonly CombineMember[],
  sidesOf: (member: CombineMember) => ReadonlyMap<string, 'input' | 'output'>,
  options: CombineOptions = {},
): CombinedMethod {
  const combine = strategies[chooseStrategy(options, ['linear', 'product'], 'IA3')];
  const { method, effective } = members[0]!;
  const weights = members.map(({ weight }) => weight);
  const [sides, ...otherSides] = members.map(sidesOf);
  for (const name of effective.keys())
    for (const other of otherSides)
      if (other.get(name) !== sides!.get(name)) throw otherSide(name, sides!.get(name), other.get(name));
  const gates = [...effective].map(([name, { shape, data }]): [string, NamedArray] => {
    const others = members.map((member) => requireGate(member, name, data.length, effective.size));
    const combined = Float32Array.from(data, (_, index) =>
      combine(
        others.map((values) => values[index]!),
        weights,
      ),
    );
    if (!combined.every(Number.isFinite)) throw undefinedPower(name, weights);
    return [name, { shape, data: combined }];
  });
  return { method, effective: new Map(gates) };
}

function requireGate({ effective }: CombineMember, name: string, length: number, count: number): Float32Array {
  const gate = effective.get(name);
  if (gate?.data.length === length && effective.size === count) return floatsOf(gate);
  throw new PeftError('COMBINE_MISMATCH', {
    found: `${count} gates, "${name}" with ${length} numbers, in one adapter and ${effective.size} gates, ${gate?.data.length ?? 'none'} there, in another`,
    expected: 'adapters with the same targets',
    fix: 'combine adapters that were trained with the same configuration on the same host',
  });
}

const otherSide = (name: string, one = 'nothing', other = 'nothing') =>
  new PeftError('COMBINE_MISMATCH', {
    found: `"${name}" acts on the ${one} of its map in one adapter and on the ${other} in another`,
    expected: 'adapters with the same feed-forward modules',
    fix: 'combine adapters that were trained with the same configuration on the same host',
  });

const undefinedPower = (name: string, weights: readonly number[]) =>
  new PeftError('COMBINE_UNDEFINED', {
    found: `"${name}" has gates that are not positive, and the weights ${weights.join(', ')} as their exponents give no number`,
    expected: 'whole weights, or gates above zero, for the strategy "product"',
    fix: 'use the strategy "linear"',
  });
