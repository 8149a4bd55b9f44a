import type { TextTable } from '@tfjs-peft/eval/grid';
import { oneSafeLine } from '../safe-output.js';

/** A table as aligned lines for a terminal. */
export function alignedTable({ title, columns, rows }: Omit<TextTable, 'id'>): string[] {
  const cells = [columns, ...rows].map((row) => row.map((cell) => oneSafeLine(cell)));
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[index]!))).join('  ');
  return [title, line(cells[0]!), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.slice(1).map(line)];
}
