import type { ComparisonTable, Difference } from '../statistics/comparison-table.js';
import { escapeMarkdown } from '../report/printable.js';
import { formatBytes, formatNumber, formatSigned } from '../report/table-cells.js';
import type { GridAnalysis } from './analyse-grid.js';

/** A table as text cells. */
export interface TextTable {
  readonly id: string;
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const none = '-';
const points = (value: number | null | undefined, digits = 1) =>
  value === null || value === undefined || !Number.isFinite(value) ? none : value.toFixed(digits);

/** All tables of a grid: every arm on every cell, differences over all cells, rules of selection, items. */
export function gridTables(analysis: GridAnalysis, margin: number): TextTable[] {
  const { cells, overall, differences, rules, items, ranks } = analysis;
  const methods = [...new Set(cells.flatMap(({ table }) => table?.rows.map(({ method }) => method) ?? []))];
  const cellOf = (table: ComparisonTable | null, method: string) => {
    const row = table?.rows.find((one) => one.method === method);
    if (!row || row.n === 0) return 'missing';
    const spread = row.standardDeviation === null ? '' : ` ± ${row.standardDeviation.toFixed(1)}`;
    return `${row.mean.toFixed(1)}${spread}${row.missing > 0 ? ` (${row.missing} missing)` : ''}`;
  };
  const meanOver = (method: string) => {
    const values = cells.map(({ table }) => table?.rows.find((row) => row.method === method && row.n > 0)?.mean);
    return values.some((value) => value === undefined)
      ? 'missing'
      : (values.reduce<number>((sum, value) => sum + value!, 0) / values.length).toFixed(1);
  };
  const tables: TextTable[] = [
    {
      id: 'results',
      title: 'Headline metric (x 100), mean ± standard deviation over splits',
      columns: ['arm', ...cells.map(({ id }) => id), 'mean of cells', 'mean rank'],
      rows: methods.map((method) => [
        method,
        ...cells.map(({ table }) => cellOf(table, method)),
        meanOver(method),
        points(ranks?.meanRanks[ranks.methods.indexOf(method)], 2),
      ]),
    },
    {
      id: 'differences',
      title: `Paired differences over all cells and data splits, and whether they are within ${margin} points`,
      columns: [
        'arm',
        'reference',
        'pairs',
        'difference',
        'interval',
        'Holm p',
        'sign flip p',
        'Wilcoxon p',
        'verdict',
      ],
      rows: differences.map(({ method, reference, equivalence, signFlipP, differences: values }) => {
        const found = overall?.rows.find((row) => row.method === method)?.differences[reference];
        const interval = found?.interval;
        const verdict = verdictOf(found ?? null, equivalence.equivalent);
        return [
          method,
          reference,
          String(values.length),
          found ? formatSigned(found.mean) : none,
          interval ? `[${formatSigned(interval[0])}, ${formatSigned(interval[1])}]` : none,
          points(found?.holmP, 3),
          values.length > 0 ? points(signFlipP, 3) : none,
          points(found?.wilcoxonP, 3),
          verdict,
        ];
      }),
    },
    {
      id: 'selection',
      title: 'How well the development metric chooses: regret in points, Kendall tau of dev and test',
      columns: ['cell', 'arm', 'rule', 'runs', 'regret', 'tau'],
      rows: rules.map(({ cell, method, rule, runs, regret, tau }) => [
        cell,
        method,
        rule,
        String(runs),
        points(regret, 2),
        points(tau, 2),
      ]),
    },
    {
      id: 'items',
      title: 'Test items: calibration, where the variance is, difference over new splits and new items',
      columns: [
        ...['cell', 'arm', 'ECE', 'Brier', 'sd of data', 'sd of training', 'difference', 'interval'],
        'runs better, worse (McNemar)',
      ],
      rows: items.map(({ cell, method, calibration, variance, difference, runs }) => [
        cell,
        method,
        points(calibration?.expectedError, 3),
        points(calibration?.brier, 3),
        variance ? points(Math.sqrt(variance.data), 2) : none,
        variance?.training == null ? none : points(Math.sqrt(variance.training), 2),
        difference && Number.isFinite(difference.value) ? formatSigned(difference.value) : none,
        difference?.interval ? `[${difference.interval.map(formatSigned).join(', ')}]` : none,
        runs ? `${runs.better}, ${runs.worse} of ${runs.pairs}` : none,
      ]),
    },
    {
      id: 'effects',
      title: 'Main effects and interactions of the factors, in points',
      columns: ['effect', 'units', 'mean', 'interval', 'p'],
      rows: analysis.effects.map(({ factors, n, mean, interval, pValue }) => [
        factors.join(' x '),
        String(n),
        formatSigned(mean),
        interval ? `[${interval.map(formatSigned).join(', ')}]` : none,
        points(pValue, 3),
      ]),
    },
    {
      id: 'costs',
      title: 'Costs, and how often no other arm is as good in score, parameters and bytes',
      columns: ['arm', 'units', 'trainable', 'file', 'ms a step', 'on the front'],
      rows: analysis.pareto.map(({ method, units, trainableParameters, fileBytes, secondsPerStep, probability }) => [
        method,
        String(units),
        formatNumber(trainableParameters),
        formatBytes(fileBytes),
        points(1000 * secondsPerStep, 0),
        `${(100 * probability).toFixed(0)} %`,
      ]),
    },
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

/** In words; a tie is called a tie. */
function verdictOf(difference: Difference | null, equivalent: boolean): string {
  if (!difference) return 'no pair';
  if (difference.interval === null)
    return difference.n > 1 && equivalent ? 'tie: the same difference in every pair' : 'no interval';
  if (difference.verdict !== 'not separated') return difference.verdict;
  return equivalent ? 'tie: equivalent within the margin' : 'tie: not separated';
}

/** Tables as Markdown, each under its title. */
export const markdownTables = (tables: readonly TextTable[]): string =>
  tables
    .map(({ title, columns, rows }) => {
      const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
      return [
        `## ${escapeMarkdown(title)}`,
        '',
        line(columns),
        `|${columns.map((_, index) => (index === 0 ? ':---|' : '---:|')).join('')}`,
        ...rows.map(line),
        '',
      ].join('\n');
    })
    .join('\n');

/** Tables as LaTeX (booktabs). */
export const latexTables = (tables: readonly TextTable[]): string =>
  tables
    .map(({ id, title, columns, rows }) => {
      const line = (cells: readonly string[]) => `${cells.map(escapeLatex).join(' & ')} \\\\`;
      return [
        '\\begin{table}',
        '\\centering',
        `\\caption{${escapeLatex(title)}}\\label{tab:${id}}`,
        `\\begin{tabular}{l${'r'.repeat(columns.length - 1)}}`,
        '\\toprule',
        line(columns),
        '\\midrule',
        ...rows.map(line),
        '\\bottomrule',
        '\\end{tabular}',
        '\\end{table}',
        '',
      ].join('\n');
    })
    .join('\n');

const special: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '±': '$\\pm$',
};

/** Text in LaTeX: what it would read as a command is escaped. */
const escapeLatex = (text: string): string =>
  text.replace(/[\\~^±]|[&%$#_{}]/g, (character) => special[character] ?? `\\${character}`);
