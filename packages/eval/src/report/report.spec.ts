import { describe, expect, it } from '@jest/globals';
import { sampleHistories, sampleTrials } from '../../test/sample-experiment.js';
import { compareMethods } from '../statistics/compare-methods.js';
import type { TrialSummary } from '../records/trial-summary.js';
import { findings } from './findings.js';
import { formatTable, markdownTable } from './format-table.js';
import { htmlReport } from './html-report.js';
import { comparisonSpec, plotSvg } from './plot-comparison.js';
import { historySpec, historySvg } from './plot-histories.js';
import { printable } from '@tfjs-peft/peft-core/authoring';
import { embedJson, escapeHtml } from './printable.js';
import { formatBytes, formatNumber, formatSeconds, formatSigned } from './table-cells.js';

const table = compareMethods(sampleTrials, { references: ['linear-probe', 'prefix'] });
const hostile = '<img src=x onerror="alert(1)">\u001b[31m</script>';
const hostileTrials = sampleTrials.map((trial): TrialSummary =>
  trial.method === 'prefix'
    ? { ...trial, method: hostile, warnings: [hostile] }
    : trial.dataSeed === 13 && trial.method === 'head'
      ? { ...trial, status: 'failed', test: {}, error: { code: 'X', message: hostile } }
      : trial,
);

describe('formatTable', () => {
  it('shows every method with n, mean, deviation and interval, the floors first', () => {
    const lines = formatTable(table, { width: 200 }).split('\n');
    expect(lines[0]).toMatch(/^method +n +accuracy, mean ± sd +95 % interval +against linear-probe +against prefix/);
    expect(lines.slice(2, 7).map((line) => line.split(' ')[0])).toEqual([
      'majority',
      'linear-probe',
      'head',
      'prefix',
      'prefix-subspace',
    ]);
    expect(lines[5]).toMatch(/^prefix +4 +84\.5 ± 1\.8 +\[81\.6, 87\.4\] +\+4\.7 \[.*\] better +reference/);
    expect(lines[6]).toContain('not separated');
  });
  it('gives the differences as sentences where the columns do not fit, and keeps within the width', () => {
    const text = formatTable(table, { width: 80 });
    expect(text).toContain('* prefix-subspace and prefix are not separated');
    expect(text).not.toContain('against linear-probe  ');
    const notes = text.slice(text.indexOf('* '));
    for (const line of notes.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
  it('says how many values are missing and what is over', () => {
    const missing = compareMethods(hostileTrials);
    expect(formatTable(missing, { width: 300 })).toMatch(/head +3 \(1 run missing\)/);
    expect(formatTable(table)).toContain('4 data splits (data seeds 13, 21, 42, 87)');
    const failed = sampleTrials.map((trial): TrialSummary =>
      trial.method === 'head' ? { ...trial, status: 'failed', test: {} } : trial,
    );
    expect(formatTable(compareMethods(failed))).toMatch(/head +0 \(4 runs missing\) +no result/);
  });
  it('lets no control character through', () => {
    // eslint-disable-next-line no-control-regex -- control characters are the subject
    expect(formatTable(compareMethods(hostileTrials))).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe('markdownTable', () => {
  it('is a table with one line a method and escapes what Markdown would read', () => {
    const lines = markdownTable(compareMethods(hostileTrials)).split('\n');
    expect(lines[1]).toMatch(/^\| :--- \| ---: /);
    const columns = lines[0]!.split(' | ').length;
    for (const line of lines.slice(2, 7)) expect(line.split(' | ')).toHaveLength(columns);
    expect(lines.join('\n')).not.toMatch(/(^|[^\\])<img/);
    expect(lines.join('\n')).toContain('\\<img');
  });
});

describe('findings', () => {
  it('says better or worse only for separated methods', () => {
    const texts = findings(table).map(({ text }) => text);
    expect(texts).toHaveLength(5);
    expect(texts.find((text) => text.startsWith('prefix is'))).toMatch(
      /better than linear-probe by 4\.7 points \(interval /,
    );
    for (const { verdict, text } of findings(table))
      expect(text.includes('not separated')).toBe(verdict === 'not separated');
  });
  it('gives no interval for one pair', () => {
    const one = compareMethods(sampleTrials.filter(({ dataSeed }) => dataSeed === 13));
    expect(findings(one)[0]!.text).toContain('1 pair allows no interval');
  });
});

describe('plots', () => {
  it('draw a point for every run, an interval for every method that has one, and a rule for every floor', () => {
    const { layer } = comparisonSpec(table) as unknown as { layer: { data: { values: unknown[] } }[] };
    expect(layer.map(({ data }) => data.values.length)).toEqual([2, 4, 20, 5, 5]);
  });
  it('render without a browser, with all method names, and escape them', async () => {
    const svg = await plotSvg(compareMethods(hostileTrials));
    expect(svg).toMatch(/^<svg [^>]*role="img"/);
    expect(svg.includes('prefix-subspace')).toBe(true);
    expect(svg.includes('<img')).toBe(false);
    expect(/NaN|undefined/.exec(svg)?.[0]).toBeUndefined();
  });
  it('draw a table without results', async () => {
    const failed = sampleTrials.map((trial): TrialSummary => ({ ...trial, status: 'failed', test: {} }));
    expect(await plotSvg(compareMethods(failed))).toMatch(/^<svg /);
  });
  it('show development metrics with a mean only at steps that all runs have', async () => {
    const short = sampleHistories.map((history, index) =>
      index === 0 ? { ...history, points: history.points.slice(0, 4) } : history,
    );
    const method = short[0]!.method;
    const rows = (historySpec(short, 'accuracy') as unknown as { data: { values: Record<string, unknown>[] } }).data
      .values;
    expect(rows.filter((row) => row['mean'] && row['method'] === method)).toHaveLength(4);
    expect(await historySvg(sampleHistories, 'accuracy')).toContain('stochastic');
    expect(await historySvg([], 'accuracy')).toBeNull();
  });
});

describe('htmlReport', () => {
  it('is one page that loads nothing and runs nothing, with plots, tables and data inside', async () => {
    const html = await htmlReport({
      title: 'Spam by subject line',
      experiment: { task: 'spam-subjects' },
      environment: { node: 'v20' },
      table,
      trials: sampleTrials,
      histories: sampleHistories,
      examples: { method: 'prefix', rows: [{ text: 'Win', label: 'ham', predicted: 'spam', probability: 0.6 }] },
      remarks: ['A short run.'],
    });
    expect(/<(link|iframe|object)|\bsrc=|@import|url\((?!#)/.exec(html)?.[0]).toBeUndefined();
    expect(html.match(/<script/g)).toEqual(['<script']);
    expect(html.match(/<svg /g)).toHaveLength(2);
    expect(html.includes('prefers-color-scheme:dark')).toBe(true);
    expect(html.includes('A short run.')).toBe(true);
    expect(html.includes('spam (wrong)')).toBe(true);
    expect(html.includes('var(--method0)')).toBe(true);
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    const data = JSON.parse(/id="data">(.*)<\/script>/.exec(html)![1]!) as { trials: unknown[] };
    expect(data.trials).toHaveLength(sampleTrials.length);
  });
  it('says what K counts', async () => {
    const input = { title: 't', experiment: {}, table, trials: sampleTrials.map((trial) => ({ ...trial, shots: 16 })) };
    expect(await htmlReport({ ...input, protocol: 'same_k' })).toContain('<span>16 labelled texts</span>');
    expect(await htmlReport({ ...input, protocol: 'per_class' })).toContain(
      '<span>16 labelled texts of each class</span>',
    );
  });
  it('escapes titles, methods, texts, labels and error messages', async () => {
    const html = await htmlReport({
      title: hostile,
      experiment: { task: hostile },
      table: compareMethods(hostileTrials),
      trials: hostileTrials,
      examples: { method: hostile, rows: [{ text: hostile, label: hostile, predicted: hostile, probability: 1 }] },
    });
    expect(html.includes('<img')).toBe(false);
    expect(html.match(/<\/script/g)).toHaveLength(1);
    expect(html.includes('\u001b')).toBe(false);
  });
  it('names failed runs with their reason', async () => {
    const trials = hostileTrials.map((trial): TrialSummary =>
      trial.error ? { ...trial, error: { code: 'LOSS_NOT_FINITE', message: 'loss is not finite' } } : trial,
    );
    expect(await htmlReport({ title: 't', experiment: {}, table: compareMethods(trials), trials })).toContain(
      'failed: loss is not finite',
    );
  });
});

describe('texts', () => {
  it('are made safe', () => {
    expect(escapeHtml(`<a b="c">&'`)).toBe('&#60;a b=&#34;c&#34;&#62;&#38;&#39;');
    expect(printable('a\u0000\nb\u2028c')).toBe('a b c');
    expect(embedJson({ a: '</script>\u2028' })).not.toMatch(/[<\u2028]/);
    expect(JSON.parse(embedJson({ a: '</script>\u2028' }))).toEqual({ a: '</script>\u2028' });
  });
  it('format numbers for people', () => {
    expect([770, 9_999, 121_346, 999_600, 2_400_000].map(formatNumber)).toEqual([
      '770',
      '9999',
      '121 k',
      '1.0 M',
      '2.4 M',
    ]);
    expect([812, 48_100, 1_300_000].map(formatBytes)).toEqual(['812 B', '48 kB', '1.3 MB']);
    expect([0.26, 9.97, 59.6, 185, 7800].map(formatSeconds)).toEqual([
      '0.3 s',
      '10 s',
      '1 min 00 s',
      '3 min 05 s',
      '2 h 10 min',
    ]);
    expect([0.04, -0.04, 1.25, -2].map(formatSigned)).toEqual(['0.0', '0.0', '+1.3', '-2.0']);
  });
});
