import { type Cell, emptyFile, malformed, type Table } from './table.js';

/**
 * Parses JSON Lines: one object a line; blank lines are allowed, and each line may have keys of its own (no row of all columns is ever made:
 * that would be quadratic). Errors: `TASK_FILE_MALFORMED`, naming the line.
 */
export function parseJsonl(text: string, file: string): Table {
  const objects: Readonly<Record<string, unknown>>[] = [];
  const lines: number[] = [];
  const columns = new Set<string>();
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const object = parseLine(line, i + 1, file);
    objects.push(object);
    lines.push(i + 1);
    for (const key of Object.keys(object)) columns.add(key);
  }
  if (objects.length === 0) throw emptyFile(file);
  const names = [...columns];
  return {
    file,
    columns: names,
    rowCount: objects.length,
    cell: (row, column) =>
      (Object.hasOwn(objects[row]!, names[column]!) ? objects[row]![names[column]!] : null) as Cell,
    lines,
  };
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
