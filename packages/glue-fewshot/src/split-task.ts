import { PeftError } from '@tfjs-peft/peft-core';
import { countClasses, type Cut, cutPerClass, cutPlain, cutStratified } from './cut-permutation.js';
import { hashTexts } from './hash-texts.js';
import { legacyPermutation, numpyPermutation } from './numpy-permutation.js';
import { type Protocol, type SplitOptions, type SplitSizes, splitSizes } from './protocols.js';
import { show } from './show.js';
import { classNames, classOf, type LabelledText, type LoadedTask, type TestSet } from './task.js';

/** A split as a JSON artefact: which rows train, which are dev, which are tested, and proof of what they contain. */
export interface Split {
  readonly task: string;
  readonly k: number;
  readonly dataSeed: number;
  /** The seed that was used: `dataSeed`, or that plus a multiple of 1,000 where a draw had only one class. */
  readonly usedSeed: number;
  readonly protocol: Protocol;
  readonly stratify: boolean;
  readonly testCap: number | null;
  /** Rows of the training set, in the order they were drawn. */
  readonly trainRows: readonly number[];
  readonly devRows: readonly number[];
  /** Rows of each test set by its name; `all` unless capped. */
  readonly testRows: Readonly<Record<string, readonly number[] | 'all'>>;
  /** sha256 of the texts and labels of all these rows. */
  readonly textHash: string;
  /** By class name; a regression task counts by its class boundary. */
  readonly labelCounts: Readonly<Record<'train' | 'dev', Readonly<Record<string, number>>>>;
  /** True where the data are a cut of the official set. */
  readonly subset: boolean;
  /** What is worth logging: a seed replaced, a capped test set. */
  readonly notes: readonly string[];
}

/** Chooses which rows a test cap keeps, in every split alike. */
const testCapSeed = 0;
const seedStep = 1000;
const maxTries = 100;

/**
 * Cuts train and dev from the training rows of a task (see {@link Protocol}); test rows are those of the test sets. Pure: the same
 * rows and options give the same split. Errors: `SPLIT_OPTION_INVALID`, `SPLIT_TOO_LARGE`, `SPLIT_ONE_CLASS`, `SEED_INVALID`, `TASK_TOO_SMALL` for a test set
 * without rows.
 */
export function splitTask(loaded: LoadedTask, options: SplitOptions): Split {
  const { task, train, tests, subset } = loaded;
  const { k, dataSeed, protocol = 'same_k', stratify = false, testCap } = options;
  const sizes = splitSizes(options);
  const classes = train.map(({ label }) => classOf(task.output, label));
  const names = classNames(task.output);
  const notes: string[] = [];
  const { cut, usedSeed } =
    protocol === 'per_class'
      ? { cut: balancedCut(task.name, classes, names, sizes, dataSeed), usedSeed: dataSeed }
      : drawnCut(task.name, classes, names, sizes, { dataSeed, stratify, protocol, k }, notes);
  const empty = tests.find(({ rows }) => rows.length === 0);
  if (empty)
    throw new PeftError('TASK_TOO_SMALL', {
      found: `no rows in the test set "${empty.name}" of ${task.name}`,
      expected: 'one at least, to judge by',
      fix: 'take another group of the task, or another test file',
    });
  const testRows = Object.fromEntries(tests.map((test) => [test.name, cappedRows(test, testCap, notes)]));
  const countsOf = (rows: readonly number[]) => {
    const counts = countClasses(rows, classes, names.length);
    return Object.fromEntries(names.map((name, label) => [name, counts[label]!]));
  };
  const rows = { trainRows: cut.train, devRows: cut.dev, testRows };
  if (task.output.kind === 'classes') notes.push(...untrainedClasses(cut.train, classes, names));
  return {
    task: task.name,
    k,
    dataSeed,
    usedSeed,
    protocol,
    stratify,
    testCap: testCap ?? null,
    ...rows,
    textHash: hashRows(selectRows(loaded, rows)),
    labelCounts: { train: countsOf(cut.train), dev: countsOf(cut.dev) },
    subset,
    notes,
  };
}

/** Classes that the training texts of a split leave out: a method cannot learn what it never sees. */
function untrainedClasses(train: readonly number[], classes: readonly number[], names: readonly string[]): string[] {
  const drawn = countClasses(train, classes, names.length);
  const all = countClasses([...classes.keys()], classes, names.length);
  const missing = names.map((_, label) => label).filter((label) => drawn[label] === 0);
  if (missing.length === 0) return [];
  const shown = missing.slice(0, 5).map((label) => `${show(names[label]!)} (${all[label]} of ${classes.length} rows)`);
  const more = missing.length > shown.length ? ` and ${missing.length - shown.length} more` : '';
  return [
    `no training text of class ${shown.join(', ')}${more} among the ${train.length} drawn, so it cannot be learnt; protocol per_class draws k of every class`,
  ];
}

/** The examples of a split. */
export interface SplitData {
  readonly train: readonly LabelledText[];
  readonly dev: readonly LabelledText[];
  readonly tests: readonly TestSet[];
}

/** The examples a split names. Errors: `SPLIT_DATA_CHANGED` if the rows of the task are not those it was cut from. */
export function splitRows(loaded: LoadedTask, split: Split): SplitData {
  const inRange = [...split.trainRows, ...split.devRows].every((row) => loaded.train[row] !== undefined);
  const known = loaded.tests.every(({ name, rows }) => {
    const chosen = split.testRows[name];
    return chosen === 'all' || chosen?.every((row) => rows[row] !== undefined) === true;
  });
  const data = inRange && known && split.task === loaded.task.name ? selectRows(loaded, split) : undefined;
  if (data && hashRows(data) === split.textHash) return data;
  throw new PeftError('SPLIT_DATA_CHANGED', {
    found: `rows of task ${loaded.task.name} (${loaded.files.join(', ')}) that are not those of the split (task ${split.task}, k = ${split.k}, seed ${split.dataSeed})`,
    expected: `texts and labels with sha256 ${split.textHash}`,
    fix: 'use the same data files and row options as when the split was made, or make a new split',
  });
}

const selectRows = (loaded: LoadedTask, split: Pick<Split, 'trainRows' | 'devRows' | 'testRows'>): SplitData => ({
  train: split.trainRows.map((row) => loaded.train[row]!),
  dev: split.devRows.map((row) => loaded.train[row]!),
  tests: loaded.tests.map(({ name, rows }) => {
    const chosen = split.testRows[name]!;
    return { name, rows: chosen === 'all' ? rows : chosen.map((row) => rows[row]!) };
  }),
});

const hashRows = ({ train, dev, tests }: SplitData): string =>
  hashTexts([['train', train], ['dev', dev], ...tests.map(({ name, rows }) => [`test ${name}`, rows] as const)]);

function balancedCut(
  task: string,
  classes: readonly number[],
  names: readonly string[],
  sizes: SplitSizes,
  seed: number,
): Cut {
  const order = legacyPermutation(seed, classes.length);
  const counts = countClasses(order, classes, names.length);
  const short = counts.findIndex((count) => count < sizes.train + sizes.dev);
  if (short < 0) return cutPerClass(order, classes, sizes);
  const largest = Math.floor(counts.reduce((a, b) => Math.min(a, b)) / 2);
  throw new PeftError('SPLIT_TOO_LARGE', {
    found: `k = ${sizes.train} per class: class "${names[short]}" of task ${task} has ${counts[short]} training rows`,
    expected: `at least ${sizes.train + sizes.dev} (${sizes.train} train + ${sizes.dev} dev)`,
    fix:
      largest > 0
        ? `choose k of at most ${largest}`
        : 'leave out the classes of a single row, or choose protocol same_k, which draws from all rows',
  });
}

function drawnCut(
  task: string,
  classes: readonly number[],
  names: readonly string[],
  sizes: SplitSizes,
  { dataSeed, stratify, protocol, k }: { dataSeed: number; stratify: boolean; protocol: Protocol; k: number },
  notes: string[],
): { cut: Cut; usedSeed: number } {
  const needed = sizes.train + sizes.dev;
  if (needed > classes.length)
    throw new PeftError('SPLIT_TOO_LARGE', {
      found: `k = ${k} under protocol ${protocol}: ${sizes.train} train + ${sizes.dev} dev = ${needed} rows of task ${task}`,
      expected: `at most its ${classes.length} training rows`,
      fix: 'choose a smaller k (or a smaller dev set)',
    });
  // Texts are all of one class: there is nothing to demand of a draw.
  const needsTwo = names.length > 1;
  const hasDev = sizes.dev > 0;
  const hopeless = needsTwo && (sizes.train < 2 || (hasDev && sizes.dev < 2) || new Set(classes).size < 2);
  for (let attempt = 0; !hopeless && attempt < maxTries; attempt++) {
    const usedSeed = dataSeed + seedStep * attempt;
    const order = numpyPermutation(usedSeed, classes.length);
    const cut = stratify ? cutStratified(order, classes, sizes, names.length) : cutPlain(order, sizes);
    const single = [cut.train, ...(hasDev ? [cut.dev] : [])].some(
      (rows) => new Set(rows.map((row) => classes[row])).size < 2,
    );
    if (!needsTwo || !single) {
      if (attempt > 0) notes.push(`data seed ${dataSeed} gives a set of one class; seed ${usedSeed} was used instead`);
      return { cut, usedSeed };
    }
  }
  throw new PeftError('SPLIT_ONE_CLASS', {
    found: `k = ${k} of task ${task} with data seed ${dataSeed}: ${sizes.train} train${hasDev ? ` and ${sizes.dev} dev rows never hold two classes each` : ' rows never hold two classes'}`,
    expected: `at least two classes in train${hasDev ? ' and in dev' : ''}`,
    fix: 'choose a larger k, or protocol per_class, which balances the classes; check that the training rows have more than one label',
  });
}

function cappedRows(
  { name, rows }: TestSet,
  cap: number | null | undefined,
  notes: string[],
): readonly number[] | 'all' {
  if (cap == null || cap >= rows.length) return 'all';
  notes.push(`test set ${name} cut to ${cap} of ${rows.length} rows: for development, not for reported numbers`);
  return numpyPermutation(testCapSeed, rows.length)
    .slice(0, cap)
    .sort((a, b) => a - b);
}
