import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PeftError } from '@tfjs-peft/peft-core';
import { type JsonObject, parseJsonObject } from '@tfjs-peft/peft-core/files';
import { readFileIfThere } from '../run-folder/read-text.js';
import { provenanceKey } from './column-file.js';
import type { ColumnAnswer, ColumnQuestion } from './column-process.js';

/** The columns of a file by name, and its provenance. */
export interface ReadColumns {
  readonly provenance: JsonObject;
  readonly rows: number;
  /** The values of a column. Errors: `RECORDS_DAMAGED` where there is none of that name, or one of another type. */
  numbers(name: string): readonly number[];
  /** The same for texts. */
  texts(name: string): readonly string[];
  /** Whether there is a column of that name. */
  has(name: string): boolean;
}

/** Reads files with records one after the other in a process of its own. */
export interface ColumnReader {
  /** Null where there is no file. Errors: `RECORDS_DAMAGED`, `FILE_TOO_LARGE`, `FILE_NOT_PLAIN`, `FILE_UNREADABLE`. */
  read(path: string): Promise<ReadColumns | null>;
  /** Ends the process. */
  close(): void;
}

/** Largest file: a million rows of a hundred classes, several times over. */
const mostBytes = 512 * 2 ** 20;

/** Starts a process when the first file is read. `seconds` is what one file may take. */
export function openColumnReader({ seconds = 30 }: { readonly seconds?: number } = {}): ColumnReader {
  let child: ChildProcess | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const readNow = async (path: string): Promise<ReadColumns | null> => {
    const bytes = await readFileIfThere(path, { maxBytes: mostBytes });
    if (bytes === null) return null;
    child = child?.connected ? child : startProcess();
    const answer = await ask(child, { bytes, provenanceKey }, seconds);
    if ('error' in answer) throw damaged(path, answer.error);
    return toColumns(path, answer);
  };
  return {
    read(path) {
      const result = last.then(() => readNow(path));
      last = result.catch(() => undefined);
      return result;
    },
    close: () => void (child?.connected && child.disconnect()),
  };
}

function startProcess(): ChildProcess {
  const source = import.meta.url.endsWith('.ts');
  const program = fileURLToPath(new URL(source ? './column-process.ts' : './column-process.js', import.meta.url));
  const loader = source ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  const child = fork(program, {
    execArgv: ['--max-old-space-size=2048', ...loader],
    env: { ...process.env, NODE_OPTIONS: '' },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.unref();
  child.channel?.unref();
  return child;
}

function ask(child: ChildProcess, question: ColumnQuestion, seconds: number): Promise<ColumnAnswer> {
  return new Promise((resolve) => {
    const end = (answer: ColumnAnswer) => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit).off('error', onExit);
      resolve(answer);
    };
    const onMessage = (answer: unknown) => end(answer as ColumnAnswer);
    const onExit = () => end({ error: 'the process that reads it ended' });
    const timer = setTimeout(() => {
      end({ error: `not read after ${seconds} seconds` });
      child.kill('SIGKILL');
    }, 1000 * seconds);
    child.on('message', onMessage).on('exit', onExit).on('error', onExit);
    child.send(question, (error) => error && end({ error: String(error) }));
  });
}

function toColumns(path: string, { names, values, provenance }: Exclude<ColumnAnswer, { error: string }>): ReadColumns {
  const typed = <T>(name: string, type: 'number' | 'string'): readonly T[] => {
    const column = values[names.indexOf(name)];
    if (!column) throw damaged(path, `it has no column "${name}"`);
    if (column.every((value) => typeof value === type)) return column as readonly T[];
    throw damaged(path, `its column "${name}" holds something that is no ${type}`);
  };
  let parsed: JsonObject;
  try {
    parsed = parseJsonObject(provenance, path, { maxBytes: 4 * 2 ** 20 });
  } catch {
    throw damaged(path, 'what it says of its origin is no JSON');
  }
  return {
    provenance: parsed,
    rows: values[0]?.length ?? 0,
    numbers: (name) => typed<number>(name, 'number'),
    texts: (name) => typed<string>(name, 'string'),
    has: (name) => names.includes(name),
  };
}

/** A file with records that is not as this program wrote it. */
export const damaged = (path: string, why: string): PeftError =>
  new PeftError('RECORDS_DAMAGED', {
    found: `"${path}": ${why}`,
    expected: 'the file as this program wrote it',
    fix: 'delete the folder of this trial and run it again',
  });
