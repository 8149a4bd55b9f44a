import { bounds } from './bounds.js';
import { PeftError } from './errors.js';
import { parsePattern, type PatternNode } from './parse-pattern.js';
import { createPatternWork, type PatternWork } from './pattern-work.js';

export type Step =
  | { readonly kind: 'character'; readonly test: (character: string) => boolean }
  | { readonly kind: 'assert'; readonly test: (text: readonly string[], position: number) => boolean }
  | { readonly kind: 'look'; readonly program: readonly Step[]; readonly negative: boolean }
  /** Places to go on, the preferred one first. */
  | { readonly kind: 'jump'; targets: readonly number[] }
  | { readonly kind: 'end' };

/**
 * A regular expression from a file or a user as a test of a whole text, in time that is the length of the text times that of the pattern, whatever
 * they are: `RegExp` may take years for a short pattern, and adapter files come from strangers. Each step is tried at most once at each
 * place of the text, which is enough to know whether there is a match. Understands what Python and JavaScript write alike: classes, groups,
 * alternatives, repeats, anchors, word boundaries and look-ahead. `work` is shared by the patterns of one entry.
 * Errors: `TARGET_PATTERN_INVALID`, `TARGET_PATTERN_TOO_LARGE`, `TARGET_PATTERNS_TOO_COSTLY`.
 */
export function compilePattern(
  pattern: string,
  work: PatternWork = createPatternWork('target patterns'),
): (text: string) => boolean {
  const program = compileProgram(parsePattern(pattern), pattern);
  return (text) => matchesWhole(program, Array.from(text), work);
}

/** The steps of a parsed pattern. Errors: `TARGET_PATTERN_TOO_LARGE`. */
export const compileProgram = (
  node: PatternNode,
  pattern: string,
  most: number = bounds.patternSteps,
): readonly Step[] => compile(node, { pattern, most, spent: 0 });

/** What a pattern has cost so far, nothing repeated many times included. */
interface Budget {
  readonly pattern: string;
  readonly most: number;
  spent: number;
}

function compile(node: PatternNode, budget: Budget): Step[] {
  const { pattern, most } = budget;
  const steps: Step[] = [];
  const spend = () => {
    if (++budget.spent > 2 * most)
      throw new PeftError('TARGET_PATTERN_TOO_LARGE', {
        found: `a pattern that needs more than ${most} steps: "${pattern.slice(0, 60)}${pattern.length > 60 ? '…' : ''}"`,
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
        const starts: number[] = [];
        const ends = part.parts.map((option) => {
          starts.push(steps.length);
          emit(option);
          return add({ kind: 'jump', targets: [] as number[] });
        });
        fork.targets = starts;
        for (const end of ends) end.targets = [steps.length];
        return;
      }
      case 'repeat': {
        const inOrder = (again: number, onwards: number) => (part.lazy ? [onwards, again] : [again, onwards]);
        for (let i = 0; i < part.least; i++) emit(part.part);
        if (part.most === Infinity) {
          const start = steps.length;
          const loop = add({ kind: 'jump', targets: [] as number[] });
          emit(part.part);
          add({ kind: 'jump', targets: [start] });
          loop.targets = inOrder(start + 1, steps.length);
          return;
        }
        const forks = Array.from({ length: part.most - part.least }, () => {
          const fork = add({ kind: 'jump', targets: [] as number[] });
          const next = steps.length;
          emit(part.part);
          return { fork, next };
        });
        for (const { fork, next } of forks) fork.targets = inOrder(next, steps.length);
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

/** Whether the program can go from the start of the text to its end. */
function matchesWhole(program: readonly Step[], text: readonly string[], work: PatternWork): boolean {
  const width = text.length + 1;
  // Memory that is cleared costs less than steps that are tried.
  work.spend(Math.ceil((program.length * width) / 16));
  const looks = createLooks(text, work);
  const seen = new Uint8Array(program.length * width);
  const waiting: number[] = [];
  let visited = 0;
  const visit = (step: number, position: number) => {
    const state = step * width + position;
    if (seen[state] === 0) waiting.push(state);
    seen[state] = 1;
  };
  visit(0, 0);
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    if (++visited % 1024 === 0) work.spend(1024);
    const position = state % width;
    const index = (state - position) / width;
    const step = program[index]!;
    switch (step.kind) {
      case 'end':
        if (position === text.length) return true;
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
        if (looks(step.program)[position] === (step.negative ? 0 : 1)) visit(index + 1, position);
        break;
    }
  }
  work.spend(visited % 1024);
  return false;
}

/** For each place of a text, 1 where what a look-ahead asks for begins. Found once for all places, from the end of the text back. */
export type Looks = (program: readonly Step[]) => Uint8Array;

export function createLooks(text: readonly string[], work: PatternWork): Looks {
  const known = new Map<readonly Step[], Uint8Array>();
  const looks: Looks = (program) => {
    const found = known.get(program) ?? beginnings(program, text, looks, work);
    known.set(program, found);
    return found;
  };
  return looks;
}

/**
 * Where the program can begin and reach its end anywhere. Steps that lead there are found backwards, from those that lead there one character
 * on: each step is looked at once a place, while a search from every place would look at all the text from each.
 */
function beginnings(program: readonly Step[], text: readonly string[], looks: Looks, work: PatternWork): Uint8Array {
  const sources: number[][] = program.map(() => []);
  program.forEach((step, index) => {
    if (step.kind === 'jump') for (const target of step.targets) sources[target]!.push(index);
    else if (step.kind === 'assert' || step.kind === 'look') sources[index + 1]!.push(index);
  });
  const begins = new Uint8Array(text.length + 1);
  let after = new Uint8Array(program.length);
  for (let position = text.length; position >= 0; position--) {
    work.spend(program.length);
    const here = new Uint8Array(program.length);
    const waiting: number[] = [];
    const reach = (index: number) => {
      if (here[index] === 0) waiting.push(index);
      here[index] = 1;
    };
    program.forEach((step, index) => {
      if (step.kind === 'end') reach(index);
      else if (step.kind === 'character' && after[index + 1] === 1 && step.test(text[position]!)) reach(index);
    });
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop())
      for (const source of sources[index]!) {
        const step = program[source]!;
        const leads =
          step.kind === 'jump' ||
          (step.kind === 'assert' && step.test(text, position)) ||
          (step.kind === 'look' && looks(step.program)[position] === (step.negative ? 0 : 1));
        if (leads) reach(source);
      }
    begins[position] = here[0]!;
    after = here;
  }
  return begins;
}
