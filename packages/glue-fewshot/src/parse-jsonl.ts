import { type Cell, emptyFile, malformed, type Table } from './table.js';

/** Parses JSON Lines: one flat object a line; blank lines are allowed. Errors: `TASK_FILE_MALFORMED`, naming the line. */
export function parseJsonl(text: string, file: string): Table {
  const objects: Record<string, unknown>[] = [];
  const lines: number[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    objects.push(parseLine(line, i + 1, file));
    lines.push(i + 1);
  }
  if (objects.length === 0) throw emptyFile(file);
  const columns = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  const rows = objects.map((object) => columns.map((column) => toCell(object[column])));
  return { file, columns, rows, lines };
}

function parseLine(line: string, number: number, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw malformed(file, `line ${number} is not JSON`, 'write one JSON object a line', cause);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw malformed(file, `line ${number} is not a JSON object`, 'write one JSON object a line, {"text": …, "label": …}');
}

/** Nested values matter only in a column that is asked for; there their JSON text is at least visible. */
const toCell = (value: unknown): Cell =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as Cell);
