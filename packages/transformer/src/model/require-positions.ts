import { type HostInputs, PeftError } from '@tfjs-peft/peft-core';
import { textsOf } from '@tfjs-peft/peft-core/authoring';

/** Tokens that need a position: padding at the end needs none. */
const placedTokens = (inputs: HostInputs): number => {
  const texts = textsOf(inputs);
  return texts ? Math.max(...texts.map(({ inputIds }) => inputIds.length)) : inputs.inputIds.shape[1];
};

/** Errors: `TEXT_TOO_LONG`. */
export function requirePositions(offset: number, virtual: number, inputs: HostInputs, available: number): void {
  const fits = (tokens: number) => offset + virtual + tokens <= available;
  if (fits(inputs.inputIds.shape[1])) return;
  const tokens = placedTokens(inputs);
  if (fits(tokens)) return;
  const parts = [
    `${tokens} tokens`,
    ...(virtual > 0 ? [`${virtual} virtual tokens`] : []),
    ...(offset > 0 ? [`position ids shifted by ${offset}`] : []),
  ];
  throw new PeftError('TEXT_TOO_LONG', {
    found: `a batch with ${parts.join(' and ')}`,
    expected: `at most ${available - offset - virtual} tokens on this host (${available} positions)`,
    fix: 'truncate the texts when encoding them, or shorten the prefix',
  });
}
