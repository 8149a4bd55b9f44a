import { PeftError } from '@tfjs-peft/peft-core';

/** Errors: `TEXT_TOO_LONG`. */
export function requirePositions(offset: number, virtual: number, tokens: number, available: number): void {
  if (offset + virtual + tokens <= available) return;
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
