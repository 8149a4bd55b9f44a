import { join } from 'node:path';
import { createTaskRegistry, glueTasks, loadTask, readTable, sentenceTasks } from '@tfjs-peft/glue-fewshot';
import type { EpisodeDraw, LabelledTexts } from '@tfjs-peft/meta';
import type { EncodedText } from '@tfjs-peft/peft-core';
import { holdOut } from './hold-out.js';

/** Tasks to prepare on, tasks that judge, and how their episodes are drawn. */
export interface TaskFamily {
  readonly draw: EpisodeDraw;
  /** Of the tasks that judge. */
  readonly judging: EpisodeDraw;
  /** Labels of all tasks, whose head is prepared with the rest; absent: a head of its own for every episode. */
  readonly sharedLabels?: readonly string[];
  readonly split: (seed: number) => {
    readonly seen: readonly LabelledTexts[];
    readonly heldOut: readonly LabelledTexts[];
  };
}

type Encode = (text: string) => EncodedText;

/** Files of classification/ whose rows name a domain. */
const domainFiles: Readonly<Record<string, { readonly file: string; readonly domain: string; readonly ways: number }>> =
  {
    clinc150: { file: 'clinc150.train.tsv', domain: 'domain', ways: 5 },
    hwu64: { file: 'hwu64.train.tsv', domain: 'domain', ways: 3 },
    huffpost: { file: 'huffpost.tsv', domain: 'split', ways: 5 },
  };

/** Names of families. */
export const taskFamilies: readonly string[] = [...Object.keys(domainFiles), 'sentiment'];

/** A family of `data` (the folder with classification, glue and text-classification); a name that is none ends the process. */
export async function readFamily(family: string, data: string, encode: Encode): Promise<TaskFamily> {
  if (family === 'sentiment') return sentiment(data, encode);
  const source = domainFiles[family];
  if (!source) {
    process.stderr.write(`error: --family ${family}: it must be one of ${taskFamilies.join(', ')}\n`);
    process.exit(2);
  }
  const draw = { shots: 4, queries: 8, ways: source.ways };
  const drawn = { draw, judging: draw };
  const all = await tasksOfDomains(join(data, 'classification', source.file), source.domain, encode);
  if (family === 'huffpost') {
    const parts = all.flatMap((task) => inGroups(task, source.ways));
    const isHeldOut = ({ name }: LabelledTexts) => name.startsWith('meta_test');
    return {
      ...drawn,
      split: () => ({ seen: parts.filter((part) => !isHeldOut(part)), heldOut: parts.filter(isHeldOut) }),
    };
  }
  const usable = all
    .map((task) => ofEnoughTexts(task, draw.shots + draw.queries))
    .filter(({ labels }) => labels.length >= source.ways);
  return { ...drawn, split: (seed) => holdOut(usable, 3, seed) };
}

/**
 * Products and opinions, then sentences of films: the check of shared answers. MR would not do: many sentences of SST-2 stand in it.
 */
async function sentiment(data: string, encode: Encode): Promise<TaskFamily> {
  const registry = createTaskRegistry([...glueTasks, ...sentenceTasks]);
  const read = async (name: string, folder: string, held: boolean): Promise<LabelledTexts> => {
    const { train, tests } = await loadTask(registry, name, { dataDirectory: join(data, folder) });
    const rows = held ? tests[0]!.rows : train;
    return {
      name,
      labels: ['negative', 'positive'],
      examples: rows.map(({ texts, label }) => ({ text: encode(texts[0]!), label })),
    };
  };
  const seen = [await read('cr', 'text-classification', false), await read('mpqa', 'text-classification', false)];
  const heldOut = [await read('sst2', 'glue', true)];
  return {
    draw: { shots: 8, queries: 8 },
    judging: { shots: 8, queries: 48 },
    sharedLabels: heldOut[0]!.labels,
    split: () => ({ seen, heldOut }),
  };
}

/** A task a domain. */
async function tasksOfDomains(file: string, domainColumn: string, encode: Encode): Promise<LabelledTexts[]> {
  const table = await readTable(file);
  const column = (name: string) => {
    const place = table.columns.indexOf(name);
    return Array.from({ length: table.rowCount }, (_, row) => String(table.cell(row, place)));
  };
  const [domains, labels, texts] = [column(domainColumn), column('label'), column('text')];
  return [...new Set(domains)].map((name) => {
    const rows = domains.flatMap((domain, row) => (domain === name ? [row] : []));
    const classes = [...new Set(rows.map((row) => labels[row]!))];
    return {
      name,
      labels: classes,
      examples: rows.map((row) => ({ text: encode(texts[row]!), label: classes.indexOf(labels[row]!) })),
    };
  });
}

/** A task of many classes as tasks of a few each; what is left over is left out. */
function inGroups(task: LabelledTexts, size: number): LabelledTexts[] {
  return Array.from({ length: Math.floor(task.labels.length / size) }, (_, part) => ({
    ...withLabels(task, task.labels.slice(part * size, (part + 1) * size)),
    name: `${task.name} ${part + 1}`,
  }));
}

/** A task of some of its classes. */
function withLabels(task: LabelledTexts, labels: readonly string[]): LabelledTexts {
  const examples = task.examples.flatMap(({ text, label }) => {
    const place = labels.indexOf(task.labels[label]!);
    return place < 0 ? [] : [{ text, label: place }];
  });
  return { name: task.name, labels, examples };
}

/** A task of its classes that have texts enough for an episode. */
function ofEnoughTexts(task: LabelledTexts, texts: number): LabelledTexts {
  const textsOf = (label: number) => task.examples.filter((each) => each.label === label).length;
  return withLabels(
    task,
    task.labels.filter((_, label) => textsOf(label) >= texts),
  );
}
