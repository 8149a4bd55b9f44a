import { shotsText } from '../config/shots-text.js';
import { findings } from './findings.js';
import { htmlPage } from './html-page.js';
import {
  configurationSection,
  examplesSection,
  notesList,
  plotSection,
  simplexSection,
  tableSection,
  trialsSection,
} from './html-sections.js';
import { plotSvg } from './plot-comparison.js';
import { devMetricOf, historySvg } from './plot-histories.js';
import { escapeHtml } from './printable.js';
import type { ReportInput } from './report-input.js';

/**
 * One self-contained HTML page: findings, plots as inline SVG, tables, every run, configuration, and all of it again as JSON in a script
 * element. Loads nothing, runs no script, follows the reader's light or dark setting. All texts are escaped: labels, texts and error
 * messages come from strangers.
 */
export async function htmlReport(input: ReportInput): Promise<string> {
  const { title, experiment, environment, table, trials, histories = [], examples, remarks = [], protocol } = input;
  const comparison = await plotSvg(table);
  const history = await historySvg(histories, devMetricOf(trials, table.metric));
  const first = trials[0];
  const facts = [
    first && `task ${first.task}`,
    first && first.shots > 0 && shotsText(first.shots, protocol),
    `${plural(table.dataSeeds.length, 'data split')} × ${plural(table.trainSeeds.length, 'train seed')}`,
    `${table.metric} on ${table.split}`,
    first && `backend ${[...new Set(trials.map(({ backend }) => backend))].join(', ')}`,
  ].filter((fact) => typeof fact === 'string');
  return htmlPage({
    title,
    facts: `<p class="facts">${facts.map((fact) => `<span>${escapeHtml(fact)}</span>`).join('')}</p>`,
    body: `<section aria-labelledby="findings">
<h2 id="findings">What these runs show</h2>
<ul class="findings">${findings(table)
      .map(({ verdict, text }) => `<li class="${verdict.replace(' ', '-')}">${escapeHtml(text)}</li>`)
      .join('')}</ul>
</section>
${plotSection('comparison', 'Comparison', comparison, 'Dots: single runs. Upright ticks: means. Bands: intervals of the means. Dashed lines: floors.')}
${tableSection(table)}
${notesList([...remarks, ...table.notes])}
${history === null ? '' : plotSection('history', 'Development set during training', history, 'Thin lines: single runs. Thick lines: their mean, where all runs are present. The simplex is validated over random draws and at its midpoint.')}
${simplexSection(trials)}
${examples ? examplesSection(examples.method, examples.rows) : ''}
${trialsSection(trials)}
${configurationSection(experiment, environment)}`,
    data: { experiment, environment, table, trials, histories },
  });
}

const plural = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;
