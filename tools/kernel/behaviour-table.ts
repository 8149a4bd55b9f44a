import { type BehaviourMeasurement, kernelBehaviour } from '@tfjs-peft/eval';
import { summarise } from '@tfjs-peft/eval/statistics';
import { groupRuns } from '../options/group-runs.js';
import { markdownTable } from '../options/markdown-table.js';
import { meanWithInterval } from '../options/mean-with-interval.js';

/** Where finished splits are kept. */
export const behaviourFile = 'docs/kernel/behaviour.jsonl';

/** One split that is asked for. */
export interface BehaviourRun {
  readonly task: string;
  /** `head` or `prompt`. */
  readonly start: string;
  readonly shots: number;
  readonly seed: number;
  readonly steps: number;
  readonly testCap: number;
}
/** And what was found. */
export type BehaviourResult = BehaviourRun & BehaviourMeasurement & { readonly seconds: number };

const titleOf: Readonly<Record<string, string>> = { shots: 'texts a class', testCap: 'test texts' };

/** Means over the splits of a task with 95 % intervals, and what they say, as a table of Markdown. */
export function behaviourTable(results: readonly BehaviourResult[]): string {
  const { columns, groups } = groupRuns(results, ['task', 'start', 'shots'], ['steps', 'testCap']);
  const lines = groups.flatMap(({ cells, own: splits }) =>
    splits[0]!.optimisers.map(({ optimiser }, place) => {
      const own = splits.map(({ optimisers }) => optimisers[place]!);
      const values = (key: 'fineTuned' | 'kernel' | 'linearised' | 'featureChange') => own.map((each) => each[key]);
      const behaviour = kernelBehaviour({
        fineTuned: values('fineTuned'),
        kernel: values('kernel'),
        linearised: values('linearised'),
        featureChange: values('featureChange'),
      });
      const alone = summarise(splits.map(({ headAlone }) => headAlone));
      return [
        ...[
          ...cells,
          String(splits.length),
          alone.mean.toFixed(1),
          optimiser,
          ...(['fineTuned', 'kernel', 'linearised'] as const).map((key) => meanWithInterval(values(key))),
        ],
        ...[behaviour.featureChange.toFixed(2), behaviour.solved, behaviour.linear],
      ];
    }),
  );
  const titles = [
    ...columns.map((column) => titleOf[column] ?? column),
    'splits',
    'before',
    'optimiser',
    'fine-tuned',
    'kernel',
    'linearised',
    'kernel moved',
    'kernel solves',
    'linear',
  ];
  return markdownTable([titles, ...lines]);
}
