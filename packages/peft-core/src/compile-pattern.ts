import { PeftError } from './errors.js';
import { parsePattern, type PatternNode } from './parse-pattern.js';

/** Most steps that a pattern may be compiled to, far more than one that names modules needs. */
const maxSteps = 4096;

type Step =
  | { readonly kind: 'character'; readonly test: (character: string) => boolean }
  | { readonly kind: 'assert'; readonly test: (text: string, position: number) => boolean }
  | { readonly kind: 'look'; readonly program: readonly Step[]; readonly negative: boolean }
  | { readonly kind: 'jump'; targets: readonly number[] }
  | { readonly kind: 'end' };

/**
 * A regular expression from a file or a user as a test of a whole text, in time that is the length of the text times that of the pattern, whatever
 * they are: `RegExp` may take years for a short pattern, and adapter files come from strangers. Each step is tried at most once at each
 * place of the text, which is enough to know whether there is a match. Understands what Python and JavaScript write alike: classes, groups,
 * alternatives, repeats, anchors, word boundaries and look-ahead. Errors: `TARGET_PATTERN_INVALID`, `TARGET_PATTERN_TOO_LARGE`.
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  const program = compile(parsePattern(pattern), { pattern, spent: 0 });
  return (text) => run(program, { text, looks: new Map() }, 0, true);
}

/** What a pattern has cost so far, nothing repeated many times included. */
interface Budget {
  readonly pattern: string;
  spent: number;
}

function compile(node: PatternNode, budget: Budget): Step[] {
  const { pattern } = budget;
  const steps: Step[] = [];
  const spend = () => {
    if (++budget.spent > 2 * maxSteps)
      throw new PeftError('TARGET_PATTERN_TOO_LARGE', {
        found: `a target pattern that needs more than ${maxSteps} steps: "${pattern.slice(0, 60)}${pattern.length > 60 ? '…' : ''}"`,
        fix: 'pass a list of names instead, ["query", "value"] for example',
      });
  };
  const add = <S extends Step>(step: S): S => {
    spend();
    steps.push(step);
    return step;
  };
  const emit = (part: PatternNode): void => {
    spend();
    switch (part.kind) {
      case 'sequence':
        return part.parts.forEach(emit);
      case 'alternatives': {
        const fork = add({ kind: 'jump', targets: [] as number[] });
        const ends = part.parts.map((option) => {
          fork.targets = [...fork.targets, steps.length];
          emit(option);
          return add({ kind: 'jump', targets: [] as number[] });
        });
        for (const end of ends) end.targets = [steps.length];
        return;
      }
      case 'repeat': {
        for (let i = 0; i < part.least; i++) emit(part.part);
        if (part.most === Infinity) {
          const start = steps.length;
          const loop = add({ kind: 'jump', targets: [] as number[] });
          emit(part.part);
          add({ kind: 'jump', targets: [start] });
          loop.targets = [start + 1, steps.length];
          return;
        }
        const forks = Array.from({ length: part.most - part.least }, () => {
          const fork = add({ kind: 'jump', targets: [] as number[] });
          const next = steps.length;
          emit(part.part);
          return { fork, next };
        });
        for (const { fork, next } of forks) fork.targets = [next, steps.length];
        return;
      }
      case 'look':
        add({ kind: 'look', program: compile(part.part, budget), negative: part.negative });
        return;
      default:
        add(part);
    }
  };
  emit(node);
  add({ kind: 'end' });
  return steps;
}

/** One text, with what look-aheads found at its places: they depend on nothing else. */
interface Search {
  readonly text: string;
  readonly looks: Map<readonly Step[], (boolean | undefined)[]>;
}

function look(program: readonly Step[], search: Search, position: number): boolean {
  const known = search.looks.get(program) ?? [];
  search.looks.set(program, known);
  return (known[position] ??= run(program, search, position, false));
}

/** Whether the program can go from `start` to the end of the text, or to any place if not `whole`. */
function run(program: readonly Step[], search: Search, start: number, whole: boolean): boolean {
  const { text } = search;
  const width = text.length + 1;
  const seen = new Uint8Array(program.length * width);
  const waiting: number[] = [];
  const visit = (step: number, position: number) => {
    const state = step * width + position;
    if (seen[state] === 0) waiting.push(state);
    seen[state] = 1;
  };
  visit(0, start);
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    const position = state % width;
    const index = (state - position) / width;
    const step = program[index]!;
    switch (step.kind) {
      case 'end':
        if (!whole || position === text.length) return true;
        break;
      case 'jump':
        for (const target of step.targets) visit(target, position);
        break;
      case 'character':
        if (position < text.length && step.test(text[position]!)) visit(index + 1, position + 1);
        break;
      case 'assert':
        if (step.test(text, position)) visit(index + 1, position);
        break;
      case 'look':
        if (look(step.program, search, position) !== step.negative) visit(index + 1, position);
        break;
    }
  }
  return false;
}
