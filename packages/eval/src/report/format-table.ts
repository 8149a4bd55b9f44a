import type { ComparisonTable } from '../statistics/comparison-table.js';
import { printable } from '@tfjs-peft/peft-core/authoring';
import { escapeMarkdown } from './printable.js';
import { findings } from './findings.js';
import { type TableCells, tableCells } from './table-cells.js';

/**
 * The comparison for a terminal: aligned columns, then the notes, wrapped at `width` characters. Where the differences do not fit beside the
 * rest they follow as sentences.
 */
export function formatTable(table: ComparisonTable, { width = 100 }: { readonly width?: number } = {}): string {
  const wide = alignColumns(tableCells(table));
  const fits = wide[1]!.length <= width;
  const lines = fits ? wide : alignColumns(tableCells(table, { differences: false }));
  const sentences = fits ? [] : findings(table).map(({ text }) => text);
  const bullets = (texts: readonly string[]) =>
    texts.flatMap((text) => wrap(`* ${printable(text)}`, Math.max(40, width)));
  return `${[...lines, '', ...bullets(sentences), ...(fits ? [] : ['']), ...bullets(table.notes)].join('\n')}\n`;
}

/** Heading, rule and rows; the rule has the full width. */
function alignColumns({ columns, rows }: TableCells): string[] {
  const cells = rows.map((row) => row.map(printable));
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...cells.map((row) => row[index]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) =>
        columns[index]!.align === 'right' ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!),
      )
      .join('  ')
      .trimEnd();
  return [
    line(columns.map(({ title }) => printable(title))),
    widths.map((size) => '-'.repeat(size)).join('  '),
    ...cells.map(line),
  ];
}

/** The same as Markdown. */
export function markdownTable(table: ComparisonTable): string {
  const { columns, rows } = tableCells(table);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(({ title }) => escapeMarkdown(title))),
    line(columns.map(({ align }) => (align === 'right' ? '---:' : ':---'))),
    ...rows.map((row) => line(row.map(escapeMarkdown))),
    '',
    ...table.notes.map((note) => `* ${escapeMarkdown(note)}`),
    '',
  ].join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `  ${word}`);
  }
  return lines;
}
