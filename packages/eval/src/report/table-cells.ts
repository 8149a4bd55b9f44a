import type { ComparisonRow, ComparisonTable, Difference } from '../statistics/comparison-table.js';
import type { Interval } from '../statistics/summarise.js';

/** A comparison as text cells, the same for the terminal, Markdown and HTML. */
export interface TableCells {
  readonly columns: readonly { readonly title: string; readonly align: 'left' | 'right' }[];
  readonly rows: readonly (readonly string[])[];
}

const none = '-';

export function tableCells(table: ComparisonTable, { differences = true } = {}): TableCells {
  const references = table.references.filter(
    (reference) => differences && table.rows.some((row) => row.differences[reference] !== undefined),
  );
  return {
    columns: [
      { title: 'method', align: 'left' },
      { title: 'n', align: 'right' },
      { title: `${table.metric}, mean ± sd`, align: 'right' },
      { title: `${formatPercent(1 - table.alpha)} interval`, align: 'right' },
      ...references.map((reference) => ({ title: `against ${reference}`, align: 'left' as const })),
      { title: 'trainable', align: 'right' },
      { title: 'file', align: 'right' },
      { title: 'time a run', align: 'right' },
    ],
    rows: table.rows.map((row) => [
      row.method,
      formatCount(row),
      formatMean(row),
      row.interval ? formatInterval(row.interval) : none,
      ...references.map((reference) => formatAgainst(row, reference)),
      !row.trainableParameters ? none : formatNumber(row.trainableParameters),
      !row.fileBytes ? none : formatBytes(row.fileBytes),
      row.seconds === null ? none : formatSeconds(row.seconds),
    ]),
  };
}

/** `4`, or `3 (1 run missing)`: how many values the mean is over, and what it lacks. */
const formatCount = ({ n, missing }: ComparisonRow) =>
  missing === 0 ? String(n) : `${n} (${missing} run${missing === 1 ? '' : 's'} missing)`;

const formatMean = ({ n, mean, standardDeviation }: ComparisonRow) =>
  n === 0
    ? 'no result'
    : standardDeviation === null
      ? mean.toFixed(1)
      : `${mean.toFixed(1)} ± ${standardDeviation.toFixed(1)}`;

function formatAgainst(row: ComparisonRow, reference: string): string {
  if (row.method === reference) return 'reference';
  const difference = row.differences[reference];
  if (difference === undefined) return '';
  return difference === null ? 'no pair' : formatDifference(difference);
}

/** `+5.2 [+2.1, +8.3] better`; without an interval `+5.2, not separated (n = 1)`. */
const formatDifference = ({ mean, interval, verdict, n }: Difference): string =>
  interval
    ? `${formatSigned(mean)} [${interval.map(formatSigned).join(', ')}] ${verdict}`
    : `${formatSigned(mean)}, ${verdict} (n = ${n})`;

const formatInterval = (interval: Interval) => `[${interval.map((value) => value.toFixed(1)).join(', ')}]`;

export const formatSigned = (value: number): string => {
  const text = value.toFixed(1);
  return Number(text) === 0 ? '0.0' : value > 0 ? `+${text}` : text;
};

export const formatPercent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;

/** 770, 121 k, 1.7 M. */
export const formatNumber = (value: number): string =>
  value >= 999_500
    ? `${(value / 1e6).toFixed(1)} M`
    : value >= 10_000
      ? `${Math.round(value / 1e3)} k`
      : String(Math.round(value));

/** Bytes with decimal prefixes: 812 B, 48 kB, 1.3 MB. */
export const formatBytes = (bytes: number): string =>
  bytes >= 999_500
    ? `${(bytes / 1e6).toFixed(1)} MB`
    : bytes >= 1000
      ? `${Math.round(bytes / 1e3)} kB`
      : `${Math.round(bytes)} B`;

/** 0.3 s, 45 s, 3 min 05 s, 2 h 10 min. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number) => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}
