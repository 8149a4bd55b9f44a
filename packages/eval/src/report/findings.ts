import type { ComparisonTable, Difference } from '../statistics/comparison-table.js';
import type { Verdict } from '../statistics/paired-difference.js';

/** One sentence of a report, and the verdict it rests on. */
export interface Finding {
  readonly verdict: Verdict;
  readonly text: string;
}

/** One sentence a comparison: what the interval allows to say, and no more. */
export const findings = (table: ComparisonTable): Finding[] =>
  table.rows.flatMap(({ method, differences }) =>
    Object.entries(differences).map(([reference, difference]) =>
      difference === null
        ? { verdict: 'not separated', text: `${method} and ${reference}: no pair of results on the same split.` }
        : { verdict: difference.verdict, text: sentence(method, reference, difference) },
    ),
  );

function sentence(method: string, reference: string, { mean, interval, verdict, n }: Difference): string {
  const points = `${Math.abs(mean).toFixed(1)} points`;
  if (interval === null) {
    const reason = n < 2 ? `${n} pair allows no interval` : 'the differences are all equal and allow no interval';
    return `${method} and ${reference} are not separated: the difference is ${mean.toFixed(1)} points, but ${reason}.`;
  }
  const range = `interval ${interval[0].toFixed(1)} to ${interval[1].toFixed(1)}, n = ${n}`;
  return verdict === 'not separated'
    ? `${method} and ${reference} are not separated: mean difference ${mean.toFixed(1)} points (${range}).`
    : `${method} is ${verdict} than ${reference} by ${points} (${range}).`;
}
