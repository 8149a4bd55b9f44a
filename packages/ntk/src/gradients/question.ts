import { type Host, type Parameters, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import { effectiveParameters, headsOf } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from './host-tensors.js';

/** Of which function, with respect to what. */
export interface Question {
  readonly host: Host;
  readonly method: PeftMethod;
  /** All raw parameters and buffers. */
  readonly raw: Parameters;
  /** Raw parameters that count; those that may carry a batch axis and those that need a pass a text. */
  readonly axis: readonly string[];
  readonly loop: readonly string[];
  /** Tensors of the host that count. */
  readonly tensors: readonly HostTensor[];
  /** `[outputs, labels]`: each output is this combination of the logits. */
  readonly contrasts: readonly (readonly number[])[];
  readonly tied?: TiedRows;
}

/** A parameter `[rows.length, size]` that is one with some rows of a table, as a decoder is with the word embeddings. */
export interface TiedRows {
  /** Path of the table's tensor, which must be in the scope. */
  readonly table: string;
  /** Name of the parameter, which must be in the scope and may carry a batch axis. */
  readonly parameter: string;
  readonly rows: readonly number[];
}

/** One logit minus another: the single output `z1 - z0` of two classes. */
export const binaryContrast: readonly (readonly number[])[] = [[-1, 1]];

/** The combinations that are asked about: every logit for itself unless told otherwise. Errors: `KERNEL_OUTPUTS_INVALID`. */
export function contrastsOf(
  method: PeftMethod,
  given: readonly (readonly number[])[] | undefined,
): readonly (readonly number[])[] {
  const labels = headsOf(method)[0]?.head.labels.length;
  if (labels === undefined)
    throw new PeftError('KERNEL_OUTPUTS_INVALID', {
      found: `a ${method.type} without a head`,
      expected: 'a method that gives logits',
      fix: 'compose it with a head',
    });
  const contrasts =
    given ?? Array.from({ length: labels }, (_, i) => Array.from({ length: labels }, (_, j) => +(i === j)));
  const wrong = contrasts.find((row) => row.length !== labels || !row.every(Number.isFinite));
  if (contrasts.length > 0 && !wrong) return contrasts;
  throw new PeftError('KERNEL_OUTPUTS_INVALID', {
    found: wrong ? `a combination of ${wrong.length} logits` : 'no outputs',
    expected: `combinations of ${labels} logits, one at least`,
    fix: 'leave `contrasts` out for every logit, or use `binaryContrast` for two classes',
  });
}

/**
 * Which parameters may carry a batch axis: the plan says `axis`, and the optimiser sees the very tensor that acts. `loop` sends all through a pass a
 * text.
 */
export function splitByWay(
  { host, method, raw }: Pick<Question, 'host' | 'method' | 'raw'>,
  names: readonly string[],
  way: 'auto' | 'loop',
): Pick<Question, 'axis' | 'loop'> {
  if (way === 'loop') return { axis: [], loop: names };
  const allowed = new Set(
    method.plan(host.spec).effective.flatMap(({ name, perExample }) => (perExample === 'axis' ? [name] : [])),
  );
  const unchanged = new Set<string>();
  tf.tidy(() => {
    const effective = effectiveParameters(method, raw, host.spec);
    for (const name of names) if (effective.get(name) === raw.get(name)) unchanged.add(name);
  });
  const isAxis = (name: string) => allowed.has(name) && unchanged.has(name);
  return { axis: names.filter(isAxis), loop: names.filter((name) => !isAxis(name)) };
}
