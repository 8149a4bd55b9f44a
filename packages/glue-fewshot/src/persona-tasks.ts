import { PeftError } from '@tfjs-peft/peft-core';
import { readTable } from './read-table.js';
import { malformed, placeOf, type Table } from './table.js';
import type { LabelledText, ReadOptions, TaskDefinition, TaskRows } from './task.js';
import { noGroup } from './text-rows.js';
import { findJsonLines } from './text-tasks.js';

/** Turns before a reply that a prompt shows. */
const shownTurns = 4;
/** Of all dialogues in their order the last quarter is for testing, for both of their speakers. */
const testShare = 0.25;

/**
 * Few-shot dialogue (Hou et al. 2022, section 3.2): the replies of a persona, from the last turns before each. The persona is a field that the usual template
 * leaves out, since it is what is to be learned from dialogues; `{persona}` puts it in.
 */
function personaTask(part: 'metatrain' | 'metatest', name: string, title: string): TaskDefinition {
  return {
    name,
    title,
    fields: ['history', 'persona'],
    output: { kind: 'text', template: '{history}\nB:', stop: ['\n'] },
    metrics: ['log_likelihood', 'perplexity', 'bleu', 'rougeL', 'distinct1', 'distinct2'],
    headline: 'log_likelihood',
    tests: ['test'],
    groups: 'persona',
    origin: `${part}.personas.jsonl and ${part}.dialogues.jsonl in the data directory`,
    read: (options) => readPersonas(name, part, options),
  };
}

/** Dialogues of a hundred personas to learn from, and of a hundred others to adapt to. */
export const personaTasks: readonly TaskDefinition[] = [
  personaTask('metatrain', 'persona-train', 'replies of the personas that are there to prepare on'),
  personaTask('metatest', 'persona', 'replies of a persona in dialogues; a group is one persona'),
];

async function readPersonas(task: string, part: string, { dataDirectory, group }: ReadOptions): Promise<TaskRows> {
  const files = await findJsonLines(task, [`${part}.personas`, `${part}.dialogues`], dataDirectory);
  const [personas, dialogues] = [await readTable(files[0]!), await readTable(files[1]!)];
  const sentences = sentencesOf(personas);
  if (group !== undefined && !sentences.has(group)) throw noGroup(group, files[0]!, [...sentences.keys()]);
  const firstTest = Math.ceil(dialogues.rowCount * (1 - testShare));
  const rowsFrom = (start: number, end: number): LabelledText[] =>
    Array.from({ length: end - start }, (_, index) => dialogueAt(dialogues, start + index))
      .flatMap(({ speakers, turns }) =>
        speakers.flatMap((persona, index) =>
          group === undefined || persona === group
            ? repliesOf(index + 1, turns, (sentences.get(persona) ?? []).join(' '))
            : [],
        ),
      )
      .map((row, place) => ({ ...row, row: place }));
  const train = rowsFrom(0, firstTest);
  const test = rowsFrom(firstTest, dialogues.rowCount);
  return {
    train,
    tests: [{ name: 'test', rows: test }],
    subset: false,
    files,
    notes: [`replies in the last ${dialogues.rowCount - firstTest} of ${dialogues.rowCount} dialogues are for testing`],
  };
}

type Turns = readonly (readonly [speaker: number, text: string])[];

const repliesOf = (speaker: number, turns: Turns, persona: string): Omit<LabelledText, 'row'>[] =>
  turns.flatMap(([who, text], at) => {
    if (who !== speaker || at === 0) return [];
    const history = turns
      .slice(Math.max(0, at - shownTurns), at)
      .map(([other, said]) => `${other === speaker ? 'B' : 'A'}: ${said}`)
      .join('\n');
    return [{ texts: [history, persona], label: 0, references: [text] }];
  });

const columnsOf = (table: Table, names: readonly string[]): number[] =>
  names.map((name) => {
    const place = table.columns.indexOf(name);
    if (place >= 0) return place;
    throw malformed(table.file, `no key "${name}"`, `write lines with ${names.join(', ')}`);
  });

function sentencesOf(table: Table): Map<string, readonly string[]> {
  const [id, sentences] = columnsOf(table, ['persona_id', 'sentences']);
  return new Map(
    Array.from({ length: table.rowCount }, (_, row) => {
      const list: unknown = table.cell(row, sentences!);
      if (isTexts(list)) return [String(table.cell(row, id!)), list] as const;
      throw unfit(table, row, 'sentences', 'a list of texts');
    }),
  );
}

function dialogueAt(table: Table, row: number): { readonly speakers: readonly string[]; readonly turns: Turns } {
  const [first, second, turns] = columnsOf(table, ['p1', 'p2', 'turns']);
  const list: unknown = table.cell(row, turns!);
  if (!isTurns(list)) throw unfit(table, row, 'turns', 'a list of [1 or 2, text]');
  return { speakers: [String(table.cell(row, first!)), String(table.cell(row, second!))], turns: list };
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

const isTurns = (value: unknown): value is Turns =>
  Array.isArray(value) &&
  value.every(
    (turn: unknown) =>
      Array.isArray(turn) && turn.length === 2 && (turn[0] === 1 || turn[0] === 2) && typeof turn[1] === 'string',
  );

const unfit = (table: Table, row: number, key: string, expected: string) =>
  new PeftError('TASK_COLUMN_UNFIT', {
    found: `${table.file}, ${placeOf(table, row)}: "${key}" is of another form`,
    expected,
    fix: 'correct that line',
  });
