import { join, resolve } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { shotsText } from '../config/shots-text.js';
import { htmlPage } from '../report/html-page.js';
import { configurationSection, notesList, plotSection } from '../report/html-sections.js';
import { htmlTable } from '../report/html-table.js';
import { escapeHtml, escapeMarkdown } from '../report/printable.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';
import { analyseGrid, type GridAnalysis } from './analyse-grid.js';
import type { GridFigure } from './grid-figure.js';
import { drawFigures } from './grid-figures.js';
import { gridFiles, readCellResults, readGrid, type StoredGrid } from './grid-folder.js';
import { notesOf, warningsOf } from './grid-notes.js';
import { gridTables, latexTables, markdownTables, type TextTable } from './grid-tables.js';

/** What was written, and what it shows. */
export interface WrittenGridReport {
  readonly analysis: GridAnalysis;
  readonly tables: readonly TextTable[];
  readonly notes: readonly string[];
  readonly files: { readonly html: string; readonly markdown: string; readonly latex: string };
}

/**
 * Recomputes the results of a grid from its summaries and records, whole or in part, and writes `report.html` (one file that loads nothing and runs
 * no script), `report.md`, `tables.tex`, and below `report/` each figure with its data as CSV. Errors: `GRID_MISSING`, `GRID_DAMAGED`,
 * `RESULTS_NOT_COMPARABLE`, `OUTPUT_UNWRITABLE`, `DISK_FULL`.
 */
export async function writeGridReport(given: string): Promise<WrittenGridReport> {
  const folder = resolve(given);
  const grid = await readGrid(folder);
  if (!grid)
    throw new PeftError('GRID_MISSING', {
      found: `no grid in "${given}"`,
      expected: 'a folder that `tfjs-peft ablate` wrote',
      fix: 'check the path; for the comparison of a single experiment use `tfjs-peft eval`',
    });
  const cells = await readCellResults(folder, grid);
  const { margin } = grid.config;
  const analysis = await analyseGrid(grid, cells);
  const tables = gridTables(analysis, margin);
  const figures = await drawFigures(analysis, grid.config);
  const notes = [...notesOf(grid, analysis), ...warningsOf(cells)];
  const title = grid.config.name ?? 'Ablation';
  const paths = {
    html: join(folder, 'report.html'),
    markdown: join(folder, 'report.md'),
    latex: join(folder, 'tables.tex'),
  };
  const { report } = gridFiles(folder);
  for (const { id, svg, rows } of figures) {
    await writeFileAtomically(join(report, `${id}.svg`), svg);
    await writeFileAtomically(join(report, `${id}.csv`), toCsv(rows));
  }
  await writeFileAtomically(
    paths.markdown,
    [
      `# ${escapeMarkdown(title)}`,
      '',
      ...notes.map((note) => `* ${escapeMarkdown(note)}`),
      '',
      markdownTables(tables),
      ...figures.map(
        ({ id, title: name, caption }) =>
          `![${escapeMarkdown(name)}](report/${id}.svg)\n\n${escapeMarkdown(caption)} Data: report/${id}.csv.\n`,
      ),
      ...(grid.command === '' ? [] : ['Made by:', '', `    ${grid.command.replaceAll('\n', ' ')}`, '']),
    ].join('\n'),
  );
  await writeFileAtomically(paths.latex, latexTables(tables));
  await writeFileAtomically(paths.html, page({ title, grid, analysis, tables, figures, notes }));
  return { analysis, tables, notes, files: paths };
}

interface PageInput {
  readonly title: string;
  readonly grid: StoredGrid;
  readonly analysis: GridAnalysis;
  readonly tables: readonly TextTable[];
  readonly figures: readonly GridFigure[];
  readonly notes: readonly string[];
}

function page({ title, grid, analysis, tables, figures, notes }: PageInput): string {
  const { seeds, shots, tasks, models, data } = grid.config;
  const facts = [
    `${tasks.length} task${tasks.length === 1 ? '' : 's'}`,
    `${models.length} host${models.length === 1 ? '' : 's'}`,
    `K: ${shotsText(shots.join(', '), data.protocol)}`,
    `${seeds.data.length} data seeds x ${seeds.train.length} training ${seeds.train.length === 1 ? 'seed' : 'seeds'}`,
  ];
  const command = grid.command === '' ? '' : `<p class="notes">Made by <code>${escapeHtml(grid.command)}</code></p>`;
  const figure = ({ id, title: name, svg, caption, rows }: GridFigure) =>
    plotSection(id, name, svg, caption).replace(
      '</section>',
      () => `<details><summary>Data of this figure</summary>${dataTable(name, rows)}</details>${command}</section>`,
    );
  const section = ({ id, title: name, columns, rows }: TextTable) =>
    `<section aria-labelledby="table-${id}"><h2 id="table-${id}">${escapeHtml(name)}</h2>${htmlTable(name, columns, rows)}</section>`;
  const [results, ...others] = tables.map(section);
  return htmlPage({
    title,
    facts: `<p class="facts">${facts.map((fact) => `<span>${escapeHtml(fact)}</span>`).join('')}</p>`,
    body: `${results ?? ''}${notesList(notes)}${figures.map(figure).join('\n')}${others.join('\n')}${configurationSection(grid.config, grid.cells)}`,
    data: { grid, analysis: { ...analysis, traces: [] } },
  });
}

function dataTable(name: string, rows: GridFigure['rows']): string {
  const columns = Object.keys(rows[0] ?? {});
  const show = (value: string | number | undefined) =>
    typeof value === 'number' ? String(Number(value.toPrecision(6))) : (value ?? '');
  // The whole is in the CSV file beside the report.
  const shown = rows.slice(0, 200).map((row) => columns.map((column) => show(row[column])));
  return htmlTable(rows.length > 200 ? `${name}: the first 200 of ${rows.length} rows` : name, columns, shown);
}

const toCsv = (rows: GridFigure['rows']): string => {
  const columns = Object.keys(rows[0] ?? {});
  const cell = (value: string | number | undefined) => {
    const text = String(value ?? '');
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns.join(','), ...rows.map((row) => columns.map((column) => cell(row[column])).join(','))]
    .map((line) => `${line}\n`)
    .join('');
};
