import { PeftError } from '@tfjs-peft/peft-core';

/** Kendall's tau-b, which corrects for ties; null where one side is constant or a value is not a number. Errors: `PAIRS_MISMATCH`. */
export function kendallTau(a: readonly number[], b: readonly number[]): number | null {
  requirePairs(a, b);
  let [score, left, right] = [0, 0, 0];
  for (let i = 0; i < a.length; i++)
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)];
      score += x * y;
      left += Math.abs(x);
      right += Math.abs(y);
    }
  return left > 0 && right > 0 ? score / Math.sqrt(left * right) : null;
}

/** How a rule chose among the states of a run. */
export interface TraceRule {
  /** Index of the state that it kept, where that is known; otherwise the one that training would keep. */
  readonly chosen?: number;
  /** Evaluations without improvement after which the rule ends, as `patience` of a training; null or absent where it never does. */
  readonly patience?: number | null;
  /** Development losses that decide between equal values, as `tieBreak: loss` of a training; the first of equal values is kept if absent. */
  readonly losses?: readonly number[];
}

/** Index of the state that a rule keeps, and how many evaluations it looks at before it is out of patience. */
export function followRule(
  dev: readonly number[],
  { chosen, patience, losses }: TraceRule = {},
): { readonly chosen: number; readonly looked: number } {
  const wait = patience ?? Infinity;
  // As in training, what is not defined is worse than all that is.
  const values = dev.map((value) => (Number.isNaN(value) ? -Infinity : value));
  const isBetter = (a: number, b: number) =>
    values[a]! > values[b]! || (values[a] === values[b] && losses !== undefined && losses[a]! < losses[b]!);
  let best = chosen ?? 0;
  if (chosen === undefined)
    for (let at = 1; at < dev.length && at - best <= wait; at++) if (isBetter(at, best)) best = at;
  return { chosen: best, looked: Math.min(dev.length, best + wait + 1) };
}

/** How well a development trace chooses and orders the states of one run. */
export interface TraceQuality {
  /** Best test metric of all states that the rule looked at minus that of the chosen one: 0 at best. NaN where the latter is none. */
  readonly regret: number;
  /** Index of the chosen state. */
  readonly chosen: number;
  /** Of both traces; null where one is constant. */
  readonly tau: number | null;
}

/**
 * Validation regret and Kendall tau of a rule of selection, from the development and test metrics of one run over the same evaluations. What is
 * evaluated after the rule's own end is not looked at: its own run would not have had it. Evaluations without a finite metric are left out. Null
 * for no evaluation. Errors: `PAIRS_MISMATCH`.
 */
export function traceQuality(
  dev: readonly number[],
  test: readonly number[],
  rule: TraceRule = {},
): TraceQuality | null {
  requirePairs(dev, test);
  requirePairs(dev, rule.losses ?? dev);
  if (dev.length === 0) return null;
  const { chosen, looked } = followRule(dev, rule);
  const tested = [...test.slice(0, looked).keys()].filter((at) => Number.isFinite(test[at]));
  const both = tested.filter((at) => Number.isFinite(dev[at]));
  const regret = Number.isFinite(test[chosen]) ? Math.max(...tested.map((at) => test[at]!)) - test[chosen]! : NaN;
  return {
    regret,
    chosen,
    tau: kendallTau(
      both.map((at) => dev[at]!),
      both.map((at) => test[at]!),
    ),
  };
}

function requirePairs(a: readonly number[], b: readonly number[]): void {
  if (a.length !== b.length)
    throw new PeftError('PAIRS_MISMATCH', {
      found: `${a.length} and ${b.length} values`,
      expected: 'as many values on both sides',
    });
}
