import { nearMisses, PeftError } from './errors.js';
import type { CombinedMethod, CombineMember, CombineOptions } from './method.js';
import type { NamedArray, NamedArrays } from './parameters.js';

interface WeightedArrays {
  readonly effective: NamedArrays;
  readonly weight: number;
}

/**
 * The strategy asked for; the first known one if none is. `reads`: the other options that it follows.
 * Errors: `COMBINE_STRATEGY_UNKNOWN`; `COMBINE_OPTION_INVALID` for options that nothing would follow.
 */
export function chooseStrategy<Strategy extends string>(
  { strategy: wanted, ...others }: CombineOptions,
  known: readonly Strategy[],
  what: string,
  reads: (strategy: Strategy) => readonly string[] = () => [],
): Strategy {
  const found = wanted === undefined ? known[0] : known.find((strategy) => strategy === wanted);
  if (found !== undefined) {
    requireRead(others, reads(found), `strategy "${found}" for ${what}`);
    return found;
  }
  const [close] = nearMisses(wanted!, known, 1);
  throw new PeftError('COMBINE_STRATEGY_UNKNOWN', {
    found: `strategy "${wanted}" for ${what}`,
    expected: `one of ${known.join(', ')}`,
    ...(close !== undefined && { fix: `did you mean "${close}"?` }),
  });
}

function requireRead(given: Omit<CombineOptions, 'strategy'>, read: readonly string[], by: string): void {
  const unread = Object.entries(given).find(([name, value]) => value !== undefined && !read.includes(name));
  if (!unread) return;
  throw new PeftError('COMBINE_OPTION_INVALID', {
    found: `${unread[0]} ${String(unread[1])} beside ${by}, which does not follow it`,
    expected: read.length === 0 ? 'no other options' : `none but ${read.join(' and ')}`,
    fix: 'take it out, or choose a strategy that follows it',
  });
}

/** `Σ weight · arrays` of arrays with the same names and shapes, summed in double precision. Errors: `COMBINE_MISMATCH`. */
export function weightedSum(members: readonly WeightedArrays[]): Map<string, NamedArray> {
  const [first] = members;
  const other = members.find(({ effective }) => effective.size !== first!.effective.size);
  if (other)
    throw mismatch(`${first!.effective.size} parameters in one adapter and ${other.effective.size} in another`);
  return new Map(
    [...first!.effective].map(([name, { shape, data }]) => {
      const sum = new Float64Array(data.length);
      for (const { effective, weight } of members) {
        const array = effective.get(name);
        if (array?.shape.join() !== shape.join())
          throw mismatch(
            `"${name}" of shape [${shape.join(', ')}] in one adapter and ${array ? `[${array.shape.join(', ')}]` : 'none'} in another`,
          );
        array.data.forEach((value, index) => (sum[index]! += weight * value));
      }
      return [name, { shape, data: Float32Array.from(sum) }];
    }),
  );
}

/**
 * The weighted mean: weights are divided by their sum. Errors: `COMBINE_MISMATCH`; `COMBINE_OPTION_INVALID` for weights whose sum is zero, up to the
 * rounding of the sum, or no number.
 */
export function weightedMean(members: readonly WeightedArrays[]): Map<string, NamedArray> {
  const weights = members.map(({ weight }) => weight);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const rounding = weights.reduce((sum, weight) => sum + Math.abs(weight), 0) * weights.length * Number.EPSILON;
  if (!(Number.isFinite(total) && Math.abs(total) > rounding))
    throw new PeftError('COMBINE_OPTION_INVALID', {
      found: `a mean by the weights ${weights.join(', ')}, whose sum is ${total}`,
      expected: 'weights with a sum other than zero',
      fix: 'give other weights; where the mean is that of heads, keep one or none: `head: "keep"` or `head: "drop"`',
    });
  return weightedSum(members.map(({ effective, weight }) => ({ effective, weight: weight / total })));
}

/**
 * For methods whose parameters are differences to the host: their weighted sum (`linear`, the only strategy). Weights that sum to one average
 * the adapters, weights of one add them up. The result has the first member's configuration.
 * Errors: `COMBINE_STRATEGY_UNKNOWN`, `COMBINE_OPTION_INVALID`, `COMBINE_MISMATCH`.
 */
export function sumDifferences(members: readonly CombineMember[], options: CombineOptions = {}): CombinedMethod {
  const { method } = members[0]!;
  chooseStrategy(options, ['linear'], method.type);
  return { method, effective: weightedSum(members) };
}

const mismatch = (found: string) =>
  new PeftError('COMBINE_MISMATCH', {
    found,
    expected: 'adapters with the same parameters',
    fix: 'combine adapters that were trained with the same configuration on the same host',
  });
