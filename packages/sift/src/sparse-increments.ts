import { type Host, type HostSpec, PeftError, type PeftMethod, type Parameters } from '@tfjs-peft/peft-core';
import {
  type BufferSpec,
  type EffectiveSpec,
  getParameter,
  type InitialLaw,
  type Preparation,
  rememberPerHost,
  sizeOf,
} from '@tfjs-peft/peft-core/authoring';
import { type Intervention } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { SelectionSettings } from './candidates.js';
import { chooseEntries } from './choose-entries.js';
import type { HostTensor } from './choose-tensors.js';
import { combineIncrements } from './combine-increments.js';
import type { ChosenEntries, IncrementConfig } from './config.js';
import { decayIncrements } from './decay-increments.js';
import { incrementFiles } from './hf-files.js';
import { type Increment, isMatrix, type Placed } from './increment.js';

/** What a method of sparse increments has of its own. */
export interface IncrementMethod<Config extends IncrementConfig & { readonly name: string }> {
  readonly type: string;
  readonly config: Config;
  /** The tensors to choose from. */
  readonly tensorsOn: (host: HostSpec) => readonly HostTensor[];
  /** How many entries of a tensor. */
  readonly countOf: (tensor: HostTensor) => number;
  readonly settings: SelectionSettings;
  /** The same method with another configuration. */
  readonly withConfig: (config: Config) => IncrementMethod<Config>;
}

/** What `prepare` found. */
export interface PreparedPlaces {
  readonly places: ReadonlyMap<string, Int32Array>;
  /** Pretrained values at these places, if they are needed. */
  readonly bases: ReadonlyMap<string, Float32Array>;
}

/**
 * Trained increments δ at fixed entries of the host's own tensors: `θ[indices] + δ`. Effective parameters: one `[k]` a tensor, called
 * `<name>.<path>.values`, beside a buffer of their places. Errors: `plan`: those of the targets, `TARGET_MISSHAPEN`; `prepare`: those of the selection.
 */
export function createIncrements<Config extends IncrementConfig & { readonly name: string }>(
  method: IncrementMethod<Config>,
  prepared?: PreparedPlaces,
): PeftMethod<Config> {
  const { type, config, settings } = method;
  const incrementsOf = rememberPerHost((host) => planIncrements(method, host));
  // Chosen once for all vertices of a simplex, which prepare one after the other: what else is trained may start elsewhere at each.
  const chosen = new WeakMap<object, Promise<PeftMethod<Config>>>();
  return {
    type,
    config,
    namespaces: [config.name],
    kinds: ['sparseWeightDelta', 'weightDelta', 'biasDelta'],
    plan(host) {
      const increments = incrementsOf(host);
      const notes = notesOf(config);
      return {
        raw: increments.map(({ values: name, count }) => ({ name, shape: [count], initial: startOf(config) })),
        effective: increments.map(({ values: name, count, tensor }): EffectiveSpec => ({
          name,
          shape: [count],
          site: tensor.module,
          perExample: isMatrix(tensor) ? 'outputs' : 'axis',
        })),
        buffers: increments.flatMap((increment) => buffersOf(increment, prepared)),
        ...(notes.length > 0 && { notes }),
      };
    },
    intervene: (effective, { host }) => incrementsOf(host).map((increment) => actAt(increment, effective)),
    ...(!prepared && {
      prepare(host: Host, preparation: Preparation) {
        const found =
          chosen.get(preparation.batches) ??
          choose(method, host, preparation, settings).then(([config, places]) =>
            createIncrements(method.withConfig(config), places),
          );
        chosen.set(preparation.batches, found);
        return found;
      },
    }),
    withConfig: (stored) => createIncrements(method.withConfig(stored as unknown as Config)),
    ...(config.decay && { afterStep: (raw: Parameters) => decayIncrements(raw, config.decay!) }),
    combine: (members, options, host) =>
      combineIncrements(members, options, host, incrementsOfMember, (entries) =>
        createIncrements(method.withConfig(withEntries(config, entries))),
      ),
    files: incrementFiles({ config, incrementsOf, type }),
  };
}

/** Of a sum the targets are the tensors that it is of; pretrained values to pull it to are not among what is added up. */
const withEntries = <Config extends IncrementConfig>(
  { skipped: _skipped, ...config }: Config,
  chosen: ChosenEntries,
): Config => ({ ...config, targets: Object.keys(chosen), decay: null, chosen }) as unknown as Config;

const incrementsOfMember = (member: PeftMethod, host: HostSpec): readonly Placed[] =>
  (member.plan(host).buffers ?? []).flatMap(({ name, places }) =>
    places ? { values: name.replace(/indices$/, 'values'), indices: name, tensor: places.tensor } : [],
  );

/** Errors: `TARGET_MISSHAPEN` for entries that were chosen of a tensor that this host does not have, or has in another shape. */
function planIncrements<Config extends IncrementConfig & { readonly name: string }>(
  { config, tensorsOn, countOf }: IncrementMethod<Config>,
  host: HostSpec,
): readonly Increment[] {
  const tensors = tensorsOn(host);
  const known = new Map(tensors.map((tensor) => [tensor.path, tensor]));
  for (const [path, { shape, count }] of Object.entries(config.chosen ?? {})) {
    const own = known.get(path)?.shape;
    if (own?.join() !== shape.join() || count > sizeOf(shape)) throw misshapen(path, shape, count, own, host);
  }
  return tensors.flatMap((tensor) => {
    const count = config.chosen ? config.chosen[tensor.path]?.count : countOf(tensor);
    if (count === undefined) return [];
    const name = (what: string) => `${config.name}.${tensor.path}.${what}`;
    return {
      tensor,
      count,
      values: name('values'),
      indices: name('indices'),
      ...(config.decay?.toward === 'zero' && { base: name('base') }),
    };
  });
}

const misshapen = (
  path: string,
  shape: readonly number[],
  count: number,
  own: readonly number[] | undefined,
  host: HostSpec,
) =>
  new PeftError('TARGET_MISSHAPEN', {
    found: `${count} entries of "${path}" [${shape.join(', ')}]`,
    expected: own
      ? `[${own.join(', ')}], as host "${host.name}" has it`
      : `a tensor of host "${host.name}" among the targets`,
    fix: 'use the adapter on the kind of host that it was made for',
  });

const startOf = ({ initialStandardDeviation: standardDeviation }: IncrementConfig): InitialLaw =>
  standardDeviation === 0 ? { kind: 'constant', value: 0 } : { kind: 'normal', standardDeviation };

function buffersOf({ tensor, count, indices, base }: Increment, prepared: PreparedPlaces | undefined): BufferSpec[] {
  const law = (values: Float32Array | Int32Array | undefined): InitialLaw =>
    values ? { kind: 'given', values } : { kind: 'unprepared' };
  const places = { tensor: tensor.path, size: sizeOf(tensor.shape) };
  return [
    { name: indices, shape: [count], dtype: 'int32', initial: law(prepared?.places.get(tensor.path)), places },
    ...(base === undefined
      ? []
      : [{ name: base, shape: [count], dtype: 'float32', initial: law(prepared?.bases.get(tensor.path)) } as const]),
  ];
}

function notesOf({ skipped = [] }: IncrementConfig): string[] {
  if (skipped.length === 0) return [];
  const shown = skipped.slice(0, 6).join(', ') + (skipped.length > 6 ? ` and ${skipped.length - 6} more` : '');
  return [`The loss does not depend on ${skipped.length} of the targets, which are left out: ${shown}.`];
}

function actAt({ tensor, values, indices }: Increment, effective: Parameters): Intervention {
  const [increments, places] = [getParameter(effective, values), getParameter(effective, indices)];
  const { module: path, part } = tensor;
  if (isMatrix(tensor)) return { kind: 'sparseWeightDelta', path, indices: places, values: increments };
  const delta = spread(increments, places, sizeOf(tensor.shape));
  return part === 'bias' ? { kind: 'biasDelta', path, delta } : { kind: 'weightDelta', path, delta };
}

/** Values `[k]`, or `[batch, k]`, at places `[k]` of zeros `[size]`, or `[batch, size]`. */
function spread(values: tf.Tensor, places: tf.Tensor, size: number): tf.Tensor {
  const rows = values.reshape<tf.Tensor2D>([-1, places.size]);
  const spread = tf.matMul(rows, tf.oneHot(places as tf.Tensor1D, size).toFloat() as tf.Tensor2D);
  return spread.reshape([...values.shape.slice(0, -1), size]);
}

async function choose<Config extends IncrementConfig & { readonly name: string }>(
  { config, tensorsOn, countOf }: IncrementMethod<Config>,
  host: Host,
  preparation: Preparation,
  settings: SelectionSettings,
): Promise<[Config, PreparedPlaces]> {
  const tensors = tensorsOn(host.spec);
  const wanted = tensors.map((tensor) => ({ tensor, count: countOf(tensor) }));
  const { places, skipped } = await chooseEntries(host, wanted, settings, preparation);
  const chosen: ChosenEntries = Object.fromEntries(
    tensors.flatMap(({ path, shape }) => {
      const found = places.get(path);
      return found ? [[path, { count: found.length, shape: [...shape] }]] : [];
    }),
  );
  const bases = new Map<string, Float32Array>();
  if (config.decay?.toward === 'zero')
    for (const [path, at] of places) {
      const weight = await host.weight(path).data();
      bases.set(
        path,
        Float32Array.from(at, (place) => weight[place]!),
      );
    }
  const { skipped: _before, ...rest } = config;
  return [
    Object.freeze({ ...rest, chosen, ...(skipped.length > 0 && { skipped: [...skipped] }) }) as Config,
    { places, bases },
  ];
}
