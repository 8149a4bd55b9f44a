import { createTaskRegistry, glueTasks, loadTask, taskFromFile, type TaskRows } from '@tfjs-peft/glue-fewshot';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { decodeSubject } from '../../../../packages/glue-fewshot/src/decode-subject.js';
import { bytesOf, type Files, inputName, oneFile, type Reader, textOf, WrongValue } from '../reader.js';
import { temporaryFolder } from '../temporary-folder.js';

const rows = [
  ['You have won', 'spam'],
  ['Minutes, of "Tuesday"', 'ham'],
  ['été 😀 ß', 'ham'],
  ['win\tnow', 'spam'],
  ['see you', 'ham'],
  ['cheap watches', 'spam'],
] as const;

/** What stands in the text column, by a slow and plain reading; null where the reading is a matter of taste. */
type SlowTexts = (text: string) => string[] | null;

const slowTsv: SlowTexts = (text) => {
  const lines = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, '').split('\t'));
  if (lines.at(-1)?.length === 1 && lines.at(-1)![0] === '') lines.pop();
  const column = lines[0]!.indexOf('text');
  return lines.slice(1).map((fields) => fields[column] ?? '');
};

const slowJsonl: SlowTexts = (text) => {
  const texts = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => (JSON.parse(line) as { text?: unknown }).text);
  return texts.every((value) => typeof value === 'string') ? texts : null;
};

/** RFC 4180, character by character. */
const slowCsv: SlowTexts = (text) => {
  const records: string[][] = [];
  let [record, field, quoted, started]: [string[], string, boolean, boolean] = [[], '', false, false];
  const source = text.replace(/^\ufeff/, '');
  // Line ends that are not all alike are read in several ways.
  if (/\r(?!\n)/.test(source) || (source.includes('\r\n') && /(?<!\r)\n/.test(source))) return null;
  for (let i = 0; i < source.length; i++) {
    const character = source[i]!;
    if (quoted) {
      if (character !== '"') field += character;
      else if (source[i + 1] === '"') field += source[i++]!;
      else quoted = false;
    } else if (character === '"') {
      if (field !== '' || started) return null;
      [quoted, started] = [true, true];
    } else if (character === ',') {
      record.push(field);
      [field, started] = ['', false];
    } else if (character === '\n') {
      records.push([...record, field.replace(/\r$/, '')]);
      [record, field, started] = [[], '', false];
    } else field += character;
  }
  if (record.length > 0 || field !== '' || started) records.push([...record, field]);
  const filled = records.filter((fields) => fields.length > 1 || fields[0] !== '');
  const column = filled[0]!.indexOf('text');
  return filled.slice(1).map((fields) => fields[column] ?? '');
};

function compareTexts({ train, tests }: TaskRows, expected: string[] | null): void {
  if (!expected) return;
  const found = [...train, ...tests.flatMap((test) => test.rows)].map(({ texts }) => texts[0]!);
  if (found.length !== expected.length) throw new WrongValue(`${found.length} rows where there are ${expected.length}`);
  const [a, b] = [found.sort(), [...expected].sort()];
  if (a.some((text, i) => text !== b[i])) throw new WrongValue('other texts');
}

const tableReader = (
  extension: string,
  seeds: readonly (string | Uint8Array)[],
  slow: SlowTexts | null,
  words: readonly string[],
  options: { readonly regression?: boolean } = {},
): Reader => ({
  name: options.regression ? `${extension}-scores` : extension,
  async open() {
    const folder = temporaryFolder();
    const name = `table.${extension}`;
    const file = join(folder.path, name);
    return {
      seeds: seeds.map((seed) => oneFile(seed, name)),
      words,
      async read(files) {
        folder.put(files);
        const task = await taskFromFile({ file, textColumn: 'text', labelColumn: 'label', ...options });
        const read = await task.read({});
        for (const { label } of read.train) if (!Number.isFinite(label)) throw new WrongValue(`label ${label}`);
        if (slow) compareTexts(read, slow(textOf(files, name)));
      },
      close: folder.close,
    };
  },
});

const csvField = (text: string) => (/[",\n\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
export const csv = tableReader(
  'csv',
  [
    ['text,label', ...rows.map((row) => row.map(csvField).join(','))].join('\n'),
    ['id,label,text', ...rows.map(([text, label], i) => `${i},${label},"${text.replaceAll('"', '""')}"`), ''].join(
      '\r\n',
    ),
  ],
  slowCsv,
  ['"', '""', ',', '\r\n', '\n', '"\n"', 'text', 'label', '\ufeff'],
);
export const tsv = tableReader(
  'tsv',
  [['text\tlabel', ...rows.map(([text, label]) => `${text.replaceAll('\t', ' ')}\t${label}`), ''].join('\n')],
  slowTsv,
  ['\t', '\n', 'text', 'label', '"'],
);
const jsonLines = (labelOf: (label: string, i: number) => unknown) =>
  rows.map(([text, label], i) => JSON.stringify({ text, label: labelOf(label, i), other: { i } })).join('\n');
export const jsonl = tableReader(
  'jsonl',
  [
    jsonLines((label) => label),
    jsonLines((label) => Number(label === 'spam')),
    jsonLines((label) => label === 'spam'),
    jsonLines((_, i) => (i % 2 ? i : String(i % 3))),
  ],
  slowJsonl,
  [
    '"text":',
    '"label":',
    'null',
    '1e999',
    '9007199254740993',
    '0.1',
    'true',
    '-0',
    '[]',
    '{"text":1}',
    '\n',
    '{"x":"',
    '"__proto__":1,',
  ],
);
export const scores = tableReader(
  'jsonl',
  [jsonLines((_, i) => i / 2), jsonLines((_, i) => String(i * 1e3))],
  slowJsonl,
  ['null', '"NaN"', '1e999', '-0', '""'],
  { regression: true },
);

const parquetFile = (
  codec: 'SNAPPY' | 'UNCOMPRESSED',
  labels: { data: unknown[]; type: 'STRING' | 'INT64' | 'BOOLEAN' | 'DOUBLE' },
) =>
  new Uint8Array(
    parquetWriteBuffer({
      codec,
      columnData: [
        { name: 'text', data: rows.map(([text]) => text), type: 'STRING' },
        { name: 'label', ...labels },
      ] as Parameters<typeof parquetWriteBuffer>[0]['columnData'],
    }),
  );
export const parquet = tableReader(
  'parquet',
  [
    parquetFile('SNAPPY', { data: rows.map(([, label]) => label), type: 'STRING' }),
    parquetFile('UNCOMPRESSED', { data: rows.map(([, label]) => BigInt(label.length)), type: 'INT64' }),
    parquetFile('UNCOMPRESSED', { data: rows.map(([, label]) => label === 'spam'), type: 'BOOLEAN' }),
    parquetFile('SNAPPY', { data: rows.map((_, i) => (i % 2 ? 0.5 : 1)), type: 'DOUBLE' }),
  ],
  null,
  ['PAR1', 'text', 'label', 'schema'],
);

/** GLUE's own files: one with a header, one without, one with two texts. */
export const glue: Reader = {
  name: 'glue',
  async open() {
    const folder = temporaryFolder();
    const registry = createTaskRegistry(glueTasks);
    const seeds: Files[] = [
      new Map(
        ['train', 'dev'].map((set) => [
          `SST-2/${set}.tsv`,
          Buffer.from(
            [
              'sentence\tlabel',
              ...rows.map(([text, label]) => `${text.replaceAll('\t', ' ')}\t${label === 'spam' ? 1 : 0}`),
              '',
            ].join('\n'),
          ),
        ]),
      ),
      new Map(
        ['train', 'dev'].map((set) => [
          `CoLA/${set}.tsv`,
          Buffer.from('gj04\t1\t\tOur friends won\ngj04\t0\t*\tThey drank the pub\n'),
        ]),
      ),
      new Map(
        ['train', 'dev'].map((set) => [
          `RTE/${set}.tsv`,
          Buffer.from(
            'index\tsentence1\tsentence2\tlabel\n0\tNo "weapons\tIs it\tnot_entailment\n1\tA place\tB\tentailment\n',
          ),
        ]),
      ),
    ];
    const names = { 'SST-2': 'sst2', CoLA: 'cola', RTE: 'rte' };
    return {
      seeds,
      words: ['\t', '\n', '"', 'entailment', '0', '1', 'sentence1', 'label'],
      read(files) {
        folder.put(files);
        const [first = ''] = files.keys();
        const name = names[first.split('/')[0] as keyof typeof names] ?? 'sst2';
        return loadTask(registry, name, { dataDirectory: folder.path });
      },
      close: folder.close,
    };
  },
};

/** Subjects of e-mails. Its reader takes anything; what it gives is one line of text. */
export const subjects: Reader = {
  name: 'spam-subjects',
  open: async () => ({
    seeds: [
      'From: a@b.c\r\nSubject: =?iso-8859-1?Q?caf=E9_au?= =?utf-8?B?w6l0w6k=?=\r\nContent-Type: text/plain; charset="utf-8"\r\n\r\nbody',
      'Subject: Re: folded\n subject line\n with \x80\xff bytes\nContent-type: text/html; charset=windows-1251\n\n<html>',
      'subject:=?koi8-r*ru?b?8NLJ18XU?=\n\nx',
    ].map((text) => oneFile(Buffer.from(text, 'latin1'))),
    words: [
      '=?',
      '?=',
      '?Q?',
      '?B?',
      'Subject:',
      'charset=',
      '=?utf-8?Q?',
      '_',
      '=E9',
      '\r\n ',
      '\n\n',
      'iso-2022-jp',
      'utf-16',
      'big5',
      'hz-gb-2312',
    ],
    read(files) {
      const subject = decodeSubject(bytesOf(files, inputName));
      if (subject !== subject.trim() || /[\r\n\t]/.test(subject)) throw new WrongValue('a subject of several lines');
    },
  }),
};
