import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { findDataFolder } from './find-data-folder.js';
import { cutPassages } from './cut-passages.js';
import { readTable } from './read-table.js';
import type { ReadOptions, TaskDefinition, TaskRows, TextMetricName } from './task.js';
import { type TextLayout, textRows } from './text-rows.js';

/** A task of texts whose rows stand in files of their own. */
export interface TextTaskSpec extends TextLayout {
  readonly name: string;
  readonly title: string;
  /** Names of files without .jsonl or .jsonl.xz. */
  readonly train: string;
  readonly test: string;
  readonly template: string;
  readonly stop?: readonly string[];
  /** The headline's first. */
  readonly metrics: readonly TextMetricName[];
  /** Whether documents become passages of so many characters. */
  readonly passages?: number;
}

/** A task of texts as data: JSON Lines in a folder, packed with xz or not. */
export function textTask(spec: TextTaskSpec): TaskDefinition {
  const { name, title, train, test, template, stop, metrics, fields, group } = spec;
  return {
    name,
    title,
    fields,
    output: { kind: 'text', template, ...(stop && { stop }) },
    metrics,
    headline: metrics[0]!,
    tests: ['test'],
    ...(group !== undefined && { groups: group }),
    origin: `${train}.jsonl and ${test}.jsonl in the data directory`,
    read: (options) => readTexts(spec, options),
  };
}

async function readTexts(spec: TextTaskSpec, { dataDirectory, ...options }: ReadOptions): Promise<TaskRows> {
  const names = [spec.train, spec.test];
  const files = await findJsonLines(spec.name, names, dataDirectory);
  const notes: string[] = [];
  const read = async (file: string) => {
    const { rows, notes: more } = textRows(await readTable(file), spec, options);
    notes.push(...more);
    return spec.passages === undefined ? rows : cutPassages(rows, spec.passages);
  };
  const [train, test] = [await read(files[0]!), await read(files[1]!)];
  return { train, tests: [{ name: 'test', rows: test }], subset: false, files, notes };
}

/** The files of these names in a folder, packed or not. Errors: `TASK_DIRECTORY_MISSING`, `TASK_FILE_MISSING`. */
export async function findJsonLines(
  task: string,
  names: readonly string[],
  dataDirectory: string | undefined,
): Promise<string[]> {
  if (dataDirectory === undefined)
    throw new PeftError('TASK_DIRECTORY_MISSING', {
      found: `no data directory for task ${task}`,
      expected: `a folder with ${names.map((name) => `${name}.jsonl`).join(' and ')}`,
      fix: 'give the folder that holds the files (in the command: --data)',
    });
  const endings = ['.jsonl', '.jsonl.xz'];
  const folder = await findDataFolder(
    dataDirectory,
    names.flatMap((name) => endings.map((ending) => name + ending)),
  );
  return Promise.all(
    names.map(async (name) => {
      for (const ending of endings) {
        const file = join(folder, name + ending);
        if ((await stat(file).catch(() => null))?.isFile()) return file;
      }
      throw new PeftError('TASK_FILE_MISSING', {
        found: `no file ${name}.jsonl in ${folder}`,
        expected: `${names.map((each) => `${each}.jsonl (or .jsonl.xz)`).join(' and ')} for task ${task}`,
        fix: 'check the data directory',
      });
    }),
  );
}

const summarisation = (
  domain: string,
  title: string,
  template: string,
  rest: Partial<Pick<TextTaskSpec, 'fields' | 'group'>> = {},
): TaskDefinition =>
  textTask({
    name: `summarise-${domain.replace('_', '-')}`,
    title,
    train: `${domain}.train`,
    test: `${domain}.test`,
    fields: ['source'],
    reference: 'targets',
    template,
    stop: ['\n\n'],
    metrics: ['rouge1', 'rouge2', 'rougeL', 'log_likelihood', 'perplexity'],
    ...rest,
  });

/** Abstractive summaries in domains with few examples each, after AdaptSum (Yu et al. 2021, arXiv 2103.11332). */
export const summarisationTasks: readonly TaskDefinition[] = [
  summarisation(
    'clinic',
    'a section of the note of a visit, from what doctor and patient say',
    '{source}\n\nNote ({aspect}):',
    {
      fields: ['source', 'aspect'],
      group: 'aspect',
    },
  ),
  summarisation('science', 'a paper in one sentence, from its abstract', '{source}\n\nTL;DR:'),
  summarisation('legal', 'a clause of terms of service in plain English', '{source}\n\nIn plain English:'),
  summarisation('dialogue', 'what a dialogue is about', '{source}\n\nSummary:'),
  summarisation('meetings', 'the answer to a question about a meeting', '{source}\n\nQuestion: {query}\nAnswer:', {
    fields: ['source', 'query'],
  }),
  summarisation('debate', 'the key point that several arguments make', 'Topic: {topic}\n{source}\n\nKey point:', {
    fields: ['source', 'topic'],
  }),
  summarisation(
    'nlp_papers',
    'challenge, approach or outcome of a paper, from its abstract',
    '{source}\n\nThe {aspect}:',
    {
      fields: ['source', 'aspect'],
      group: 'aspect',
    },
  ),
];

const dataToText = (name: string, title: string, field: string, group?: string): TaskDefinition =>
  textTask({
    name,
    title,
    train: `${name}.train`,
    test: `${name}.test`,
    fields: [field],
    reference: 'refs',
    ...(group !== undefined && { group }),
    template: `{${field}}\nText:`,
    stop: ['\n'],
    metrics: ['bleu', 'rougeL', 'log_likelihood', 'perplexity'],
  });

/** Texts from data: restaurants (E2E, cleaned), graphs of triples (WebNLG by category, DART). */
export const dataToTextTasks: readonly TaskDefinition[] = [
  dataToText('e2e', 'E2E: a restaurant from its attributes', 'mr'),
  dataToText('webnlg', 'WebNLG: a text from triples of a graph', 'triples', 'category'),
  dataToText('dart', 'DART: a text from triples of a table', 'triples'),
];

/** Characters of a passage: some 250 tokens. */
const passageLength = 1000;

const domains = 'stories fiction wiki plays speeches science clinical code docs policy'.split(' ');

/** Language modelling in ten domains; a row is a passage of at most a thousand characters of a document. */
export const languageTasks: readonly TaskDefinition[] = domains.map((domain) =>
  textTask({
    name: `lm-${domain}`,
    title: `the next token in texts of the domain "${domain}"`,
    train: `${domain}.train`,
    test: `${domain}.test`,
    fields: [],
    reference: 'text',
    template: '',
    metrics: ['log_likelihood', 'perplexity', 'byte_perplexity'],
    passages: passageLength,
  }),
);
