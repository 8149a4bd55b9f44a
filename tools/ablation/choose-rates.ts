/** A try as far as the choice needs it. */
export interface Try {
  readonly rate: number;
  /** Headline on the development set, x 100; undefined for a failed run. */
  readonly dev: number | undefined;
}

/**
 * The rate with the best development score; of equals the one nearest to `preset` (in ratio), and of two as near the lower.
 * Undefined if every try failed.
 */
export function chooseRate(tries: readonly Try[], preset: number): number | undefined {
  const distance = (rate: number) => Math.round(1000 * Math.abs(Math.log(rate / preset)));
  const [best] = tries
    .filter(({ dev }) => dev !== undefined)
    .sort((a, b) => b.dev! - a.dev! || distance(a.rate) - distance(b.rate) || a.rate - b.rate);
  return best?.rate;
}
