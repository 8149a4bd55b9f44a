import { join } from 'node:path';
import {
  bytesSource,
  type Host,
  type NamedArray,
  type NamedArrays,
  openSafetensors,
  PeftError,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import { digestBytes, checkTensors, writeSafetensors } from '@tfjs-peft/peft-core/files';
import * as z from 'zod';
import { modelConfig } from '../config/experiment-config.js';
import { methodDescription } from '../methods/method-description.js';
import { readFileIfThere } from '../run-folder/read-text.js';
import { readStoredJson, writeStoredJson } from '../run-folder/stored-json.js';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';

/** The paths of a prepared start's files below its folder. */
export const preparedFiles = (folder: string) => ({
  record: join(folder, 'prepared.json'),
  start: join(folder, 'start.safetensors'),
  checkpoint: join(folder, 'checkpoint'),
});

/** Of start.safetensors. */
const mostBytes = 2 ** 31;

const count = z.int().min(0);
const names = z.array(z.string().max(1000)).max(10_000);

/** How a task is learned from a start. */
const innerSettings = z.object({
  optimiser: z.enum(['sgd', 'adamw']),
  learningRate: z.number().positive(),
  /** Steps while preparing. */
  steps: count,
});

/** Null where the steps led to no finite number. */
const measured = z.number().nullable();

const curve = z.array(
  z.object({
    steps: count,
    loss: measured,
    accuracy: measured,
    unpreparedLoss: measured,
    unpreparedAccuracy: measured,
  }),
);

/** `prepared.json`: everything about a start but its numbers. */
const preparedRecord = z.object({
  /** What was prepared, as it was prepared. */
  method: methodDescription,
  /** The head that every task gets; null where it is part of the start. */
  head: methodDescription.nullable(),
  /** Of a head that is part of the start. */
  labels: names.nullable(),
  model: modelConfig,
  host: z.object({ name: z.string().max(1000), fingerprint: z.string().regex(/^[0-9a-f]{64}$/) }),
  tokenizerDigest: z.string().max(200),
  maxTokens: z.int().min(1).max(1_000_000),
  rule: z.enum(['fomaml', 'reptile', 'multitask']),
  inner: innerSettings,
  shots: count,
  tasks: z.object({ seen: names, heldOut: names }),
  /** Updates done, and the one whose state was kept. */
  updates: count,
  bestUpdate: count,
  /** Means over held-out episodes, in per cent; over new episodes of seen tasks where none is held out. */
  curve,
  /** SHA-256 of start.safetensors. */
  start: z.string().regex(/^[0-9a-f]{64}$/),
});
/** What a prepared start is, without its numbers. */
export type PreparedRecord = z.output<typeof preparedRecord>;

/** Writes both files; the record comes last, so that a folder with a record is whole. Errors: `OUTPUT_UNWRITABLE`, `DISK_FULL`. */
export async function writePrepared(
  folder: string,
  record: Omit<PreparedRecord, 'start'>,
  raw: NamedArrays,
): Promise<PreparedRecord> {
  const files = preparedFiles(folder);
  const bytes = writeSafetensors(new Map([...raw]));
  await writeFileAtomically(files.start, bytes);
  const whole = { ...record, start: await digestBytes(bytes) };
  await writeStoredJson(files.record, preparedRecord, whole);
  return whole;
}

/** The record of a prepared start, or null where there is none. Errors: `PREPARED_DAMAGED`. */
export const readPreparedRecord = (folder: string): Promise<PreparedRecord | null> =>
  readStoredJson(preparedFiles(folder).record, preparedRecord, {
    code: 'PREPARED_DAMAGED',
    fix: 'prepare it again, into another folder',
  });

/** The record of a folder that must hold a prepared start. Errors: `ADAPTER_NOT_FOUND`, `PREPARED_DAMAGED`. */
export async function requirePrepared(folder: string): Promise<PreparedRecord> {
  const record = await readPreparedRecord(folder);
  if (record) return record;
  throw new PeftError('ADAPTER_NOT_FOUND', {
    found: `no prepared start in "${folder}"`,
    expected: 'a folder that holds prepared.json',
    fix: 'run prepare to its end, or pass the folder that it wrote',
  });
}

/**
 * The numbers of a prepared start: exactly those that its method asks for on this host. Errors: `PREPARED_DAMAGED`, `PREPARED_FOR_ANOTHER_HOST`,
 * `FILE_NOT_PLAIN`, `FILE_TOO_LARGE`, `TENSOR_MISSING` and the like.
 */
export async function readStart(
  folder: string,
  { host: madeFor, start }: PreparedRecord,
  method: PeftMethod,
  { spec }: Host,
): Promise<NamedArrays> {
  if (madeFor.fingerprint !== spec.fingerprint)
    throw new PeftError('PREPARED_FOR_ANOTHER_HOST', {
      found: `a start that was prepared on "${madeFor.name}" (${madeFor.fingerprint.slice(0, 12)}…), and the host "${spec.name}" (${spec.fingerprint.slice(0, 12)}…)`,
      expected: 'the host that it was prepared on',
      fix: 'name that host with the option model (--model), or prepare again on this one',
    });
  const path = preparedFiles(folder).start;
  const bytes = await readFileIfThere(path, { maxBytes: mostBytes });
  if (bytes === null) throw damaged(`no file "${path}"`);
  if ((await digestBytes(bytes)) !== start) throw damaged(`"${path}" is not the file that was written with its record`);
  const file = await openSafetensors(bytesSource('start.safetensors', new Uint8Array(bytes)));
  const tensors = new Map<string, NamedArray>();
  for (const [name, { shape }] of file.tensors) tensors.set(name, { shape, data: await file.readNumbers(name) });
  const { raw, buffers = [] } = method.plan(spec);
  checkTensors(tensors, [...raw.map(({ name, shape }) => ({ name, shape })), ...buffers], 'start.safetensors');
  return tensors;
}

/** Errors: `LABELS_MISMATCH` for a task with other labels than the head that is part of the start. */
export function requireLabels(
  { labels }: PreparedRecord,
  task: { readonly name: string; readonly labels: readonly string[] },
): void {
  if (labels === null || labels.join('\n') === task.labels.join('\n')) return;
  throw new PeftError('LABELS_MISMATCH', {
    found: `labels ${task.labels.slice(0, 5).join(', ')} in task "${task.name}"`,
    expected: `${labels.slice(0, 5).join(', ')}, those of the head that is part of the start`,
    fix: 'rename the labels, or prepare a start without a shared head',
  });
}

const damaged = (found: string, cause?: unknown) =>
  new PeftError('PREPARED_DAMAGED', {
    found,
    expected: 'the two files that `prepare` wrote together',
    fix: 'prepare it again, into another folder',
    ...(cause !== undefined && { cause }),
  });
