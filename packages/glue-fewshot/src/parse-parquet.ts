import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { PeftError } from '@tfjs-peft/peft-core';
import { dataLimits } from './data-limits.js';
import type { ParquetAnswer, ParquetQuestion } from './parquet-process.js';
import { type Cell, checkColumns, emptyFile, type Table, tableOf } from './table.js';

/** What reading one file may cost. */
export interface ParquetLimits {
  readonly milliseconds: number;
  /** Of heap. */
  readonly megabytes: number;
}

/**
 * Parses a Parquet file (uncompressed, Snappy, gzip, Brotli, Zstandard or LZ4). 64-bit integers arrive as BigInt, nested values as objects.
 *
 * It is read in a process of its own with a limit of time and memory: hyparquet takes the lengths that a file states at their word, so
 * that a damaged one may never end (`readRleBitPackedHybrid`, runs of no values; seen up to 1.33.0) or fill the memory, and running out of
 * memory ends a whole process, worker threads included. Errors: `TASK_FILE_UNREADABLE`, `TASK_FILE_MALFORMED`.
 */
export async function parseParquet(
  bytes: Uint8Array,
  file: string,
  limits: ParquetLimits = parquetLimits(bytes.length),
): Promise<Table> {
  const answer = await askProcess({ bytes, pageBytes: dataLimits.parquetPageBytes }, file, limits);
  if ('error' in answer) throw unreadable(file, answer.error);
  const { columns, rows, hint } = answer;
  if (rows.length === 0) throw emptyFile(file);
  const table = tableOf(file, checkColumns(file, columns), rows as readonly (readonly Cell[])[]);
  const classNames = readClassNames(hint);
  return classNames.size === 0 ? table : { ...table, classNames };
}

function parquetLimits(size: number): ParquetLimits {
  const megabytes = size / 2 ** 20;
  const { parquetSeconds, parquetSecondsPerMegabyte } = dataLimits;
  const { parquetHeap, parquetHeapPerMegabyte, parquetHeapMost } = dataLimits;
  return {
    milliseconds: Math.ceil(1000 * (parquetSeconds + parquetSecondsPerMegabyte * megabytes)),
    megabytes: Math.min(parquetHeapMost, Math.ceil(parquetHeap + parquetHeapPerMegabyte * megabytes)),
  };
}

/** How a process ended; Windows tells no signal. */
interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly cause?: Error;
}

/** What is kept of what the process says on standard error. */
const saidCharacters = 10_000;

/** The program beside this file: TypeScript in a checkout, JavaScript in the built package. */
async function askProcess(question: ParquetQuestion, file: string, limits: ParquetLimits): Promise<ParquetAnswer> {
  const source = import.meta.url.endsWith('.ts');
  const program = fileURLToPath(new URL(source ? './parquet-process.ts' : './parquet-process.js', import.meta.url));
  const loader = source ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${limits.megabytes}`, ...loader, program, String(limits.milliseconds)],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' }, windowsHide: true },
  );
  const started = performance.now();
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + String(chunk)).slice(-saidCharacters)));
  // A process that ends before it has read everything is told by how it ended.
  child.stdin.on('error', () => undefined);
  child.stdin.end(serialize(question));
  const ending = await new Promise<Ending>((resolve) => {
    child.on('error', (cause) => resolve({ code: null, signal: null, cause }));
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  if (ending.code === 0) return deserialize(Buffer.concat(chunks)) as ParquetAnswer;
  if (ending.cause)
    throw new PeftError('TASK_FILE_UNREADABLE', {
      found: `${file}: no process can be started to read it (${ending.cause.message})`,
      fix: 'allow child processes, or convert the file to CSV or JSONL',
      cause: ending.cause,
    });
  throw unreadable(file, whyNoAnswer(ending, said, performance.now() - started, limits));
}

/** The timer kills without a word, as a system without memory does; V8 says that its heap is full before it ends the process. */
function whyNoAnswer({ code, signal }: Ending, said: string, elapsed: number, limits: ParquetLimits): string {
  const killed = signal === 'SIGKILL' || signal === null;
  if (killed && elapsed >= limits.milliseconds)
    return `not read after ${(limits.milliseconds / 1000).toFixed(1)} seconds`;
  if (signal === 'SIGKILL' || /heap|memory/.test(said))
    return `reading needs more than ${limits.megabytes} MB of memory`;
  return `the process that reads it ended with ${signal ?? code}`;
}

const unreadable = (file: string, what: string) =>
  new PeftError('TASK_FILE_UNREADABLE', {
    found: `${file}: ${what}`,
    expected: 'a complete Parquet file, uncompressed or compressed with Snappy, gzip, Brotli, Zstandard or LZ4',
    fix: what.includes('footer')
      ? 'fetch the file again; a pointer file of Git LFS must be replaced by its content'
      : 'the file may be damaged: fetch or write it again, with compression snappy if in doubt',
  });

/** The names of `ClassLabel` columns in the note that `datasets` leaves in its files; none where the note is something else. */
function readClassNames(hint: string | null): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  const features = valueAt(parseJson(hint), 'info', 'features');
  if (typeof features !== 'object' || features === null) return names;
  for (const column of Object.keys(features)) {
    const feature = valueAt(features, column);
    const given = valueAt(feature, 'names');
    if (valueAt(feature, '_type') !== 'ClassLabel' || !Array.isArray(given)) continue;
    if (given.every((name): name is string => typeof name === 'string')) names.set(column, given);
  }
  return names;
}

const valueAt = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );

function parseJson(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** Puts the shards of one set together. Errors: `TASK_FILE_MALFORMED` where their columns differ. */
export function joinTables(tables: readonly Table[]): Table {
  const [first, ...rest] = tables as [Table, ...Table[]];
  for (const { file, columns } of rest)
    if (columns.join('\t') !== first.columns.join('\t'))
      throw new PeftError('TASK_FILE_MALFORMED', {
        found: `${file}: columns ${columns.join(', ')}`,
        expected: `the columns of its first shard ${first.file}: ${first.columns.join(', ')}`,
        fix: 'fetch all shards from the same revision',
      });
  const rows = tables.flatMap((table) => Array.from({ length: table.rowCount }, (_, row) => ({ table, row })));
  return {
    ...first,
    rowCount: rows.length,
    cell: (index, column) => {
      const place = rows[index];
      return place && place.table.cell(place.row, column);
    },
  };
}
