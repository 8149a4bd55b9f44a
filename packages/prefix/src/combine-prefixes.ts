import { type NamedArray, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import {
  chooseStrategy,
  type CombinedMethod,
  type CombineMember,
  type CombineOptions,
  weightedMean,
} from '@tfjs-peft/peft-core/authoring';
import type { PrefixConfig } from './config.js';

/**
 * `average` (the usual one): the weighted mean of prefixes of one length. `concatenate`: keys and values one after the other, for which
 * weights have no meaning and must be equal. The result is flat, whatever made the prefixes; `create` makes its method.
 * Errors: `COMBINE_STRATEGY_UNKNOWN`, `COMBINE_OPTION_INVALID`; `COMBINE_MISMATCH` for other layers, lengths or position policies.
 */
export function combinePrefixes(
  config: PrefixConfig,
  members: readonly CombineMember[],
  options: CombineOptions,
  create: (config: PrefixConfig) => PeftMethod<PrefixConfig>,
): CombinedMethod {
  const chosen = chooseStrategy(options, ['average', 'concatenate'], 'prefixes');
  const policies = new Set(members.map(({ method }) => (method.config as PrefixConfig).positionPolicy));
  if (policies.size > 1)
    throw mismatch(
      `position policies ${[...policies].join(' and ')}`,
      'one policy: positions are those of the whole pass',
    );
  const flat: PrefixConfig = { ...config, reparametrisation: 'none', initialisation: 'bert' };
  if (chosen === 'average') return { method: create(flat), effective: weightedMean(members) };

  if (new Set(members.map(({ weight }) => weight)).size > 1)
    throw mismatch(
      `weights ${members.map(({ weight }) => weight).join(', ')} for prefixes that are put one after the other`,
      'the same weight for all',
    );
  const names = new Set(members.flatMap(({ effective }) => [...effective.keys()]));
  const effective = [...names].map((name): [string, NamedArray] => [
    name,
    joinPositions(members.map((member) => requireArray(member, name))),
  ]);
  const prefixLength = members.reduce((sum, { method }) => sum + (method.config as PrefixConfig).prefixLength, 0);
  return { method: create({ ...flat, prefixLength }), effective: new Map(effective) };
}

/** `[heads, length, headSize]` of several prefixes as `[heads, sum of lengths, headSize]`. */
function joinPositions(parts: readonly NamedArray[]): NamedArray {
  const [heads, , headSize] = parts[0]!.shape as [number, number, number];
  const length = parts.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const data = new Float32Array(heads * length * headSize);
  let offset = 0;
  for (let head = 0; head < heads; head++)
    for (const part of parts) {
      const size = part.shape[1]! * headSize;
      data.set(part.data.subarray(head * size, (head + 1) * size), offset);
      offset += size;
    }
  return { shape: [heads, length, headSize], data };
}

function requireArray({ effective }: CombineMember, name: string): NamedArray {
  const array = effective.get(name);
  if (array) return array;
  throw mismatch(`a prefix without "${name}"`, 'prefixes of the same layers');
}

const mismatch = (found: string, expected: string) =>
  new PeftError('COMBINE_MISMATCH', {
    found,
    expected,
    fix: 'combine prefixes that were trained with the same configuration on the same host',
  });
