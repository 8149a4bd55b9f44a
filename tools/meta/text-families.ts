import { languageTasks, personaTasks, summarisationTasks } from '@tfjs-peft/glue-fewshot';
import { holdOut } from './hold-out.js';

/** A task of texts, or a group of one. */
export interface Domain {
  readonly task: string;
  readonly group?: string;
}

/** Domains to prepare on, and those that are held out with a seed. */
export type TextFamily = (seed: number) => { readonly seen: readonly Domain[]; readonly heldOut: readonly Domain[] };

const drawn =
  (tasks: readonly { readonly name: string }[], heldOut: number): TextFamily =>
  (seed) =>
    holdOut(
      tasks.map(({ name: task }) => ({ task })),
      heldOut,
      seed,
    );

const personas: TextFamily = (seed) => {
  const [prepared, adapted] = personaTasks.map(({ name }) => name);
  const groups = (task: string, prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      task,
      group: `${prefix}-${String((index * 3 + seed * 7) % 100).padStart(3, '0')}`,
    }));
  return { seen: groups(prepared!, 'valid', 20), heldOut: groups(adapted!, 'test', 5) };
};

/** By their names, which are those of their folders. */
export const textFamilies: Readonly<Record<string, TextFamily>> = {
  lm: drawn(languageTasks, 3),
  summarisation: drawn(summarisationTasks, 2),
  persona: personas,
};
