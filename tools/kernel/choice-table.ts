import { kendallTau, summarise } from '@tfjs-peft/eval/statistics';
import { markdownTable } from '../options/markdown-table.js';
import { meanWithInterval } from '../options/mean-with-interval.js';

/** Where finished splits are kept. */
export const choicesFile = 'docs/kernel/choices.jsonl';

/** One split of a task. */
export interface ChoiceRun {
  readonly task: string;
  readonly shots: number;
  readonly seed: number;
}

/** What a method's kernel said before training, and what training gave: headline metrics × 100. */
interface MethodChoice {
  readonly method: string;
  readonly kernelDev: number;
  readonly kernelTest: number;
  /** Of the kernel with the labels of the training texts. */
  readonly alignment: number;
  readonly trainedDev: number;
  readonly trainedTest: number;
}
/** The methods of one split. */
export interface ChoiceResult extends ChoiceRun {
  readonly methods: readonly MethodChoice[];
  readonly headAlone: number;
  readonly seconds: number;
}

/** By what a method may be chosen. */
const rules: Readonly<Record<string, (choice: MethodChoice) => number>> = {
  "kernel's accuracy on dev": ({ kernelDev }) => kernelDev,
  "kernel's alignment with the labels": ({ alignment }) => alignment,
  'accuracy on dev after training': ({ trainedDev }) => trainedDev,
};

/**
 * How well each rule orders the methods of a split by their accuracy on the test set after training: Kendall's tau-b, and what its choice costs against the
 * best method of the split, beside what a method taken at random costs. Means over splits with 95 % intervals, as a table of Markdown.
 */
export function choiceTable(results: readonly ChoiceResult[]): string {
  const tasks = [...new Set(results.map(({ task }) => task))];
  const rows = Object.entries(rules).map(([name, rule]) => [
    name,
    cell(
      results.map((result) => tauOf(result, rule)),
      2,
    ),
    ...tasks.map((task) =>
      cell(
        results.filter((one) => one.task === task).map((result) => tauOf(result, rule)),
        2,
        false,
      ),
    ),
    cell(
      results.map((result) => costOf(result, rule)),
      1,
    ),
  ]);
  const random = [
    'a method at random',
    '0',
    ...tasks.map(() => '0'),
    cell(
      results.map((result) => costOf(result, () => 0)),
      1,
    ),
  ];
  const titles = ['chosen by', `tau, ${results.length} splits`, ...tasks, 'points below the best'];
  return markdownTable([titles, ...rows, random]);
}

const tauOf = ({ methods }: ChoiceResult, rule: (choice: MethodChoice) => number): number | null =>
  kendallTau(
    methods.map(rule),
    methods.map(({ trainedTest }) => trainedTest),
  );

/** The best test accuracy minus that of the chosen method; of equal choices the mean. */
function costOf({ methods }: ChoiceResult, rule: (choice: MethodChoice) => number): number {
  const most = Math.max(...methods.map(rule));
  const chosen = methods.filter((choice) => rule(choice) === most).map(({ trainedTest }) => trainedTest);
  return Math.max(...methods.map(({ trainedTest }) => trainedTest)) - summarise(chosen).mean;
}

/** Splits on which all methods are equal have no tau and are left out. */
function cell(values: readonly (number | null)[], digits: number, withInterval = true): string {
  const known = values.filter((value) => value !== null);
  return withInterval ? meanWithInterval(known, digits) : summarise(known).mean.toFixed(digits);
}
