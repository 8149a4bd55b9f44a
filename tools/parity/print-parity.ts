import type { ParityCase } from './parity-case.js';

export const tolerance = 1e-5;
const leastEffect = 1e-2;

const within = (difference: number | undefined) => difference !== undefined && difference <= tolerance;

/** What is wrong with a case; undefined if nothing is. */
export function faultOf(parity: ParityCase): string | undefined {
  if (parity.failure !== undefined) return parity.failure;
  if (parity.loading !== undefined && !within(parity.loading)) return 'our logits are not those of HF peft';
  if (parity.mergedHere !== undefined && !within(parity.mergedHere)) return 'the merged host computes others';
  if (parity.merged !== undefined && !within(parity.merging))
    return "HF transformers' logits for the merged model are others";
  const isMergedAlone = parity.saved === undefined && parity.merged !== undefined;
  if (!isMergedAlone && !within(parity.saving)) return "HF peft's logits for what we saved are others";
  return (parity.effect ?? 0) >= leastEffect ? undefined : 'the method has no effect that could differ';
}

const shown = (difference: number | undefined) => (difference === undefined ? '' : difference.toExponential(1));

/** A Markdown table, one line a case and host; faults below it. */
export function formatParity(cases: readonly ParityCase[]): string {
  const columns = [
    'case',
    'host',
    'ours vs peft, loading',
    'merged here',
    'peft vs ours, saving',
    'merged model',
    'effect of the method',
    '',
  ];
  const rows = cases.map((one) => [
    one.name,
    one.host.name,
    shown(one.loading),
    shown(one.mergedHere),
    shown(one.saving),
    shown(one.merging),
    one.effect?.toFixed(2) ?? '',
    faultOf(one) === undefined ? 'ok' : 'FAULT',
  ]);
  const widths = columns.map((column, index) =>
    Math.max(...[column, ...rows.map((row) => row[index]!)].map(({ length }) => length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index]!)).join(' | ')} |`;
  const faults = cases.flatMap((one) => {
    const fault = faultOf(one);
    return fault === undefined ? [] : [`${one.name} on ${one.host.name}: ${fault}`];
  });
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line), '', ...faults].join('\n');
}

/** One line: how many, and the largest differences. */
export function summariseParity(cases: readonly ParityCase[]): string {
  const largest = (differences: readonly (number | undefined)[]) =>
    shown(Math.max(0, ...differences.filter((value) => value !== undefined)));
  const faulty = cases.filter((one) => faultOf(one) !== undefined).length;
  return `${cases.length} adapters, ${faulty === 0 ? `all within ${tolerance.toExponential()}` : `${faulty} with a fault`}: largest difference ${largest(cases.map(({ loading }) => loading))} when loading, ${largest(cases.map(({ mergedHere }) => mergedHere))} when merged here, ${largest(cases.map(({ saving }) => saving))} when saving, ${largest(cases.map(({ merging }) => merging))} when merged for HF`;
}
