import { join } from 'node:path';
import { gridFiles, writeGridReport } from '@tfjs-peft/eval/grid';
import { alignedTable } from '../progress/aligned-table.js';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';
import { pluginArguments, shellCommand, shortPath } from './execute-experiment.js';

export interface ReportOptions {
  readonly json?: boolean;
  /** With which plugins the grid was run, if this command was told. */
  readonly plugin?: readonly string[];
}

/** `tfjs-peft report`: the report of a grid again, of what is there of it. */
export const report = (folder: string, options: ReportOptions, io: CliIo): Promise<number> =>
  showReport(folder, options, io);

/** Writes the report of a grid, and prints its tables and paths. Exit code 1 where results are missing. */
export async function showReport(folder: string, { json = false, plugin }: ReportOptions, io: CliIo): Promise<number> {
  const { analysis, tables, notes, files } = await writeGridReport(folder);
  const missing = analysis.cells.reduce((sum, cell) => sum + cell.missing, 0);
  if (json) io.out(jsonLine({ folder, analysis: { ...analysis, traces: undefined }, files }));
  else {
    for (const table of tables.slice(0, 2)) io.out(`${alignedTable(table).join('\n')}\n\n`);
    for (const note of notes) io.out(`* ${note}\n`);
    io.out(
      `\nreport   ${shortPath(files.html)}\nmarkdown ${shortPath(files.markdown)}\nlatex    ${shortPath(files.latex)}\nfigures  ${shortPath(join(gridFiles(folder).report))}\n`,
    );
  }
  if (missing === 0) return 0;
  io.err(
    `${missing} results are missing. To go on: ${shellCommand(['sweep', 'start', folder, ...pluginArguments(plugin)])}\n`,
  );
  return 1;
}
