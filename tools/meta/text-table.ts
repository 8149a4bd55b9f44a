import { basename } from 'node:path';
import { summarise } from '@tfjs-peft/eval/statistics';
import { groupRuns } from '../options/group-runs.js';
import { markdownTable } from '../options/markdown-table.js';
import { meanWithInterval } from '../options/mean-with-interval.js';
import { curveSteps, curveTable } from './curve-table.js';

/** Where finished runs of a family on a host are kept. */
export const textsFile = (family: string, host: string): string => `docs/meta/${family}-${basename(host)}.jsonl`;

/** One preparation on domains of texts, and its setting. */
export interface TextRun {
  readonly family: string;
  readonly host: string;
  readonly method: string;
  readonly start: string;
  readonly seed: number;
  readonly steps: number;
  readonly shots: number;
  readonly queries: number;
  readonly episodes: number;
  readonly tokens: number;
  readonly newTokens: number;
  /** Inner rate. */
  readonly rate: number;
}

/** What a run is known by besides family, host, method, start and seed. */
export const textSettings = [
  'steps',
  'shots',
  'queries',
  'episodes',
  'tokens',
  'newTokens',
  'rate',
] as const satisfies readonly (keyof TextRun)[];

/** Numbers of steps after which a start writes. */
export const writingSteps: readonly number[] = [curveSteps[0]!, curveSteps.at(-1)!];

/** And what it is worth on held-out domains. */
export interface TextResult extends TextRun {
  /** Of each domain, geometric mean over its episodes after each of {@link curveSteps}. */
  readonly perplexity: Readonly<Record<string, readonly number[]>>;
  /** Of each domain whose answers are texts, what its written texts are worth after each of {@link writingSteps}, by metric. */
  readonly written?: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  readonly secondsToPrepare: number;
}

/** Geometric mean of the perplexities of the held-out domains after each of {@link curveSteps}. */
export const meanPerplexity = ({ perplexity }: TextResult): number[] =>
  curveSteps.map((_, place) =>
    Math.exp(summarise(Object.values(perplexity).map((values) => Math.log(values[place]!))).mean),
  );

/** Geometric mean with its interval. */
const geometric = (values: readonly number[], digits: number): string => {
  const { mean, interval } = summarise(values.map(Math.log));
  const shown = (logarithm: number) => Math.exp(logarithm).toFixed(digits);
  return shown(mean) + (interval ? ` [${interval.map(shown).join(', ')}]` : '');
};

/** Perplexities over those of TARP without preparation on the same domains and episodes, and at the same rate, but for the whole host's own. */
function overUnprepared(results: readonly TextResult[]): string {
  const known = ['family', 'host', 'seed', 'steps', 'shots', 'queries', 'episodes', 'tokens', 'newTokens'] as const;
  const isBase = ({ method, start }: TextRun) => method === 'tarp' && start === 'none';
  const basesOf = (one: TextResult) =>
    results.filter(
      (base) =>
        isBase(base) &&
        known.every((name) => base[name] === one[name]) &&
        (one.method === 'full' || base.rate === one.rate),
    );
  // Of several rates of the base, none is that of the whole host.
  const others = results.filter((one) => !isBase(one) && basesOf(one).length === 1);
  const ratios = (one: TextResult) => {
    const base = meanPerplexity(basesOf(one)[0]!);
    return meanPerplexity(one).map((value, place) => value / base[place]!);
  };
  return curveTable(others, keys, textSettings, ratios, (values) => geometric(values, 2));
}

const keys = ['method', 'start'] as const;

/** Means over the seeds with 95 % intervals, by method and start: perplexity (geometric means), and what was written where something was. */
export function textTable(results: readonly TextResult[]): string {
  const perplexities = [
    `Perplexity:\n\n${curveTable(results, keys, textSettings, meanPerplexity, (values) => geometric(values, 1))}`,
    `Over that of TARP without preparation, seed by seed:\n\n${overUnprepared(results)}`,
  ].join('\n\n');
  const wrote = results.filter(({ written }) => written);
  if (wrote.length === 0) return perplexities;
  const { columns, groups } = groupRuns(wrote, keys, textSettings);
  const metrics = Object.keys(Object.values(wrote[0]!.written!)[0]!);
  const valueOf = ({ written }: TextResult, metric: string, place: number) =>
    summarise(Object.values(written!).map((values) => values[metric]![place]!)).mean;
  const titles = metrics.flatMap((metric) => writingSteps.map((steps) => `${metric}, after ${steps}`));
  const rows = groups.map(({ cells, own }) => [
    ...cells,
    String(own.length),
    ...metrics.flatMap((metric) =>
      writingSteps.map((_, place) => meanWithInterval(own.map((result) => valueOf(result, metric, place)))),
    ),
  ]);
  return `${perplexities}\n\nWritten texts:\n\n${markdownTable([[...columns, 'seeds', ...titles], ...rows])}`;
}
