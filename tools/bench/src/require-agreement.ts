import type { Worker } from './worker.js';

/** That both sides compute the same before they are timed, and in which numbers: for a line. Errors: what differs. */
export function requireAgreement(ours: Worker, torch: Worker): string {
  const [here, there] = [ours.first, torch.first];
  if ('tokens' in here && 'tokens' in there) {
    const same = here.tokens.filter((token, place) => token === there.tokens[place]).length;
    if (same < Math.max(here.tokens.length, there.tokens.length))
      throw new Error(
        `the sides write different texts, ${same} of ${there.tokens.length} tokens are the same: not timed`,
      );
    return `the same ${same} tokens on both sides`;
  }
  const [a, b] = [lossOf(ours), lossOf(torch)];
  if (!(Math.abs(a - b) < 1e-4))
    throw new Error(`the sides compute different losses, ${a} here and ${b} in torch: not timed`);
  return `same first loss on both sides: ${a.toFixed(6)}, difference ${Math.abs(a - b).toExponential(1)}`;
}

/** NaN for a worker that has none. */
export const lossOf = ({ first }: Worker): number => ('loss' in first ? first.loss : NaN);
