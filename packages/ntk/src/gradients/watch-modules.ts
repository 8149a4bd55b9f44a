import { PeftError } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { Block } from './blocks.js';
import type { HostTensor } from './host-tensors.js';
import { ownersOf } from './owners.js';
import type { SeeSlope } from './probes.js';

/** Marks a tensor as one that outlives the pass. */
export type Keep = <T extends tf.Tensor>(tensor: T) => T;

interface WatchRequest {
  readonly tensors: readonly HostTensor[];
  /** How many tokens each text of the batch has. */
  readonly tokens: readonly number[];
  readonly keep: Keep;
}

/** One run of an affine map in a pass. Layers that share their modules run each of them several times. */
interface Application {
  /** How many places each text has, in order. */
  readonly lengths: readonly number[];
  /** `[places, input]` */
  readonly x: tf.Tensor2D;
  /** One entry an output, `[places, output]`. */
  readonly slopes: tf.Tensor2D[];
}

/** What was seen at one affine map or norm, an entry an output. */
interface Seen {
  /** Of an affine map whose weight counts, in the order of the backward pass. */
  readonly applications: Application[];
  /** Gradients of a norm's weight, and of a bias: sums over the places of a text in all applications. */
  readonly sums: Readonly<Record<HostTensor['part'], tf.Tensor2D[]>>;
}

/**
 * Collects what the backward passes show at affine maps and norms, `begin` before each of them. The gradient of a tensor that a pass reads several times is
 * the sum over the applications.
 */
export function watchModules({ tensors, tokens, keep }: WatchRequest) {
  const wanted = new Map(tensors.map((tensor) => [tensor.path, tensor]));
  const seen = new Map<string, Seen>();
  const join = joinOnce(keep);
  let output = -1;
  let runs = new Map<string, number>();
  const addTo = (sums: tf.Tensor2D[], part: tf.Tensor2D) => {
    const before = sums[output];
    sums[output] = keep(before ? before.add<tf.Tensor2D>(part) : part);
    before?.dispose();
  };
  const see: SeeSlope = (module, slope, factor) => {
    const [weight, bias] = (['weight', 'bias'] as const).map((part) => wanted.get(`${module}.${part}`));
    const { applications, sums } = seen.get(module) ?? { applications: [], sums: { weight: [], bias: [] } };
    seen.set(module, { applications, sums });
    const run = runs.get(module) ?? 0;
    runs.set(module, run + 1);
    const lengths = placesOf(slope, tokens, module);
    const rows = asRows(slope);
    if (weight?.kind === 'linear') {
      const application = (applications[run] ??= { lengths, x: keep(asRows(factor())), slopes: [] });
      application.slopes.push(keep(rows));
    } else if (weight) addTo(sums.weight, sumPlaces(rows.mul(asRows(factor())), lengths));
    if (bias) addTo(sums.bias, sumPlaces(rows, lengths));
  };
  return {
    begin(): void {
      output++;
      runs = new Map();
    },
    see,
    /** Undefined for a tensor that no output depends on. */
    blockOf({ module, part }: HostTensor): Block | undefined {
      const found = seen.get(module);
      if (!found) return undefined;
      const { applications, sums } = found;
      if (part === 'bias' || applications.length === 0) return { kind: 'rows', perOutput: sums[part] };
      return { kind: 'affine', ...joinApplications(applications, join) };
    },
  };
}

/** One application of all: the places of a text stand together, whichever application they are of. */
function joinApplications(applications: readonly Application[], join: Join): Application {
  const [first] = applications as readonly [Application];
  if (applications.length === 1) return first;
  const all = applications.map(({ lengths }) => lengths);
  return {
    lengths: first.lengths.map((_, text) => all.reduce((sum, lengths) => sum + lengths[text]!, 0)),
    x: join(
      applications.map(({ x }) => x),
      all,
    ),
    slopes: first.slopes.map((_, output) =>
      join(
        applications.map(({ slopes }) => slopes[output]!),
        all,
      ),
    ),
  };
}

type Join = (parts: readonly tf.Tensor2D[], lengths: readonly (readonly number[])[]) => tf.Tensor2D;

/** Puts parts together and disposes them; the same parts once, so that maps of one input go on sharing it. */
function joinOnce(keep: Keep): Join {
  const known: { readonly parts: readonly tf.Tensor[]; readonly whole: tf.Tensor2D }[] = [];
  return (parts, lengths) => {
    const same = known.find(
      (other) =>
        other.parts.length === parts.length && other.parts.every(({ dataId }, i) => dataId === parts[i]!.dataId),
    );
    const whole = keep(
      same?.whole.clone() ?? tf.tidy(() => tf.gather(tf.concat([...parts], 0), placesByText(lengths))),
    );
    if (!same) known.push({ parts, whole });
    tf.dispose([...parts]);
    return whole;
  };
}

/** Of places that stand application by application, each with one text after the other: those of the first text, then those of the second. */
function placesByText(lengths: readonly (readonly number[])[]): tf.Tensor1D {
  let next = 0;
  const starts = lengths.map((ofTexts) => ofTexts.map((length) => (next += length) - length));
  const places = lengths[0]!.flatMap((_, text) =>
    starts.flatMap((ofTexts, run) => Array.from({ length: lengths[run]![text]! }, (__, i) => ofTexts[text]! + i)),
  );
  return tf.tensor1d(places, 'int32');
}

/** How many places of a slope belong to each text. Errors: `KERNEL_SCOPE_UNSUPPORTED`. */
function placesOf(slope: tf.Tensor, tokens: readonly number[], module: string): readonly number[] {
  const lead = slope.shape[0];
  const places = slope.size / lead! / slope.shape.at(-1)!;
  if (lead === tokens.length) return tokens.map(() => places);
  const all = tokens.reduce((sum, length) => sum + length, 0);
  if (lead === 1 && places === all) return tokens;
  throw new PeftError('KERNEL_SCOPE_UNSUPPORTED', {
    found: `${places} places at "${module}" for texts of ${all} tokens`,
    expected: 'the places of the texts',
    fix: 'ask for the parameters of the method alone',
  });
}

const sumPlaces = (rows: tf.Tensor2D, lengths: readonly number[]): tf.Tensor2D =>
  lengths.every((length) => length === 1) ? rows.clone() : tf.tidy(() => tf.matMul(ownersOf(lengths), rows));

/** All but the last axis in one. */
export const asRows = (x: tf.Tensor): tf.Tensor2D => x.reshape([-1, x.shape.at(-1)!]);
