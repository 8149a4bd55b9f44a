import { findings } from './findings.js';
import {
  configurationSection,
  examplesSection,
  notesList,
  plotSection,
  simplexSection,
  tableSection,
  trialsSection,
} from './html-sections.js';
import { reportStyle } from './html-style.js';
import { plotSvg } from './plot-comparison.js';
import { historySvg } from './plot-histories.js';
import { embedJson, escapeHtml } from './printable.js';
import type { ReportInput } from './report-input.js';

/**
 * One self-contained HTML page: findings, plots as inline SVG, tables, every run, configuration, and all of it again as JSON in a script
 * element. Loads nothing, runs no script, follows the reader's light or dark setting. All texts are escaped: labels, texts and error
 * messages come from strangers.
 */
export async function htmlReport(input: ReportInput): Promise<string> {
  const { title, experiment, environment, table, trials, histories = [], examples, remarks = [] } = input;
  const comparison = await plotSvg(table);
  const history = await historySvg(histories, table.metric);
  const first = trials[0];
  const facts = [
    first && `task ${first.task}`,
    first && first.shots > 0 && `${first.shots} labelled texts`,
    `${plural(table.dataSeeds.length, 'data split')} × ${plural(table.trainSeeds.length, 'train seed')}`,
    `${table.metric} on ${table.split}`,
    first && `backend ${[...new Set(trials.map(({ backend }) => backend))].join(', ')}`,
  ].filter((fact) => typeof fact === 'string');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="tfjs-peft">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(title)}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="facts">${facts.map((fact) => `<span>${escapeHtml(fact)}</span>`).join('')}</p>
</header>
<section aria-labelledby="findings">
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
${configurationSection(experiment, environment)}
</main>
<script type="application/json" id="data">${embedJson({ experiment, environment, table, trials, histories })}</script>
</body>
</html>
`;
}

const plural = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;
