import type { EncodedText, HostSpec } from '@tfjs-peft/peft-core';
import { PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import { type Intervention, type Interventions, rulesOf } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from './host-tensors.js';

/** What a backward pass shows of an affine map or a norm: the slope of its result, and what the weight is multiplied with. `[batch or 1, places, size]`. */
export type SeeSlope = (module: string, slope: tf.Tensor, factor: () => tf.Tensor) => void;

const namespace = 'gradient-probes';
/** The scalar through which slopes are seen. */
const slopeProbe = `${namespace}.slope`;
/** Added to the sum of the embeddings: one row a place, zeros. */
export const embeddingProbe = `${namespace}.embeddings`;
const isProbe = (name: string) => name.startsWith(`${namespace}.`);
export const withoutProbes = <T>(parameters: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
  new Map([...parameters].filter(([name]) => !isProbe(name)));

/** The parameters that see the gradients of the host's tensors, zeros all of them, for a batch of this many texts and places. */
export function probeValues(tensors: readonly HostTensor[], spec: HostSpec, batch: number, tokens: number) {
  const values = new Map<string, tf.Tensor>();
  if (tensors.some(hasSlope)) values.set(slopeProbe, tf.scalar(0));
  if (tensors.some(({ kind }) => kind === 'table')) {
    const { first, size } = positionsOf(spec);
    values.set(embeddingProbe, tf.zeros([batch, first + tokens, size]));
  }
  return values;
}

const hasSlope = ({ kind }: HostTensor): boolean => kind === 'linear' || kind === 'norm';

/** Interventions that change nothing and see all, in a pass of so many texts. */
export function probeInterventions(
  tensors: readonly HostTensor[],
  spec: HostSpec,
  effective: ReadonlyMap<string, tf.Tensor>,
  batch: number,
  see: SeeSlope,
): Interventions {
  const taps = [...new Set(tensors.filter(hasSlope).map(({ module }) => module))].map((path): Intervention => ({
    kind: 'slopeTap',
    path,
    through: effective.get(slopeProbe) as tf.Scalar,
    observe: (slope, factor) => see(path, slope, factor),
  }));
  const slopes = taps.length > 0 ? [...taps, ...distancesApart(spec, batch)] : taps;
  const up = effective.get(embeddingProbe);
  if (!up) return slopes;
  const { path, rows } = positionsOf(spec);
  const columns = up.shape[1]!;
  // Row p of the table of positions chooses row p of the probe.
  const down = tf.eye(rows, columns);
  return [...slopes, { kind: 'lowRankDelta', path, down, up, scale: 1 }];
}

/** Rows of distances stand for all texts of a batch, and so would the slopes of what acts on them; with a difference a text, 0, each has its own. */
const distancesApart = (spec: HostSpec, batch: number): Intervention[] =>
  sitesOfKind(spec, 'table')
    .filter(({ path }) => path.endsWith('rel_embeddings'))
    .map(({ path, rows, size }) => ({
      kind: 'lowRankDelta',
      path,
      down: tf.zeros([rows, 1]),
      up: tf.zeros([batch, 1, size]),
      scale: 1,
    }));

/** The table of positions, and the row of a text's first token. Errors: `KERNEL_SCOPE_UNSUPPORTED`. */
function positionsOf(spec: HostSpec) {
  const site = sitesOfKind(spec, 'table').find(({ path }) => path.endsWith('position_embeddings'));
  if (site) return { ...site, first: site.rows - spec.maxPositionEmbeddings };
  throw unsupported(`tables of host "${spec.name}", which has none of positions`, 'leave the tables out of the scope');
}

/** The rows of a table that a text reads, one a token. Errors: `KERNEL_SCOPE_UNSUPPORTED`. */
export function tableRows(tensor: HostTensor, spec: HostSpec, text: EncodedText): readonly number[] {
  const { module, shape } = tensor;
  if (module.endsWith('word_embeddings')) return text.inputIds;
  if (module.endsWith('token_type_embeddings')) return shape[0] === 1 ? text.inputIds.map(() => 0) : text.tokenTypeIds;
  if (module.endsWith('position_embeddings')) return text.inputIds.map((_, token) => positionsOf(spec).first + token);
  throw unsupported(`the table "${module}"`, 'choose tables of words, positions or token types');
}

/** Columns of the embeddings' probe at which a text's tokens stand. */
export const firstColumn = (spec: HostSpec): number => positionsOf(spec).first;

/**
 * What acts beside the probes must leave the gradient of a frozen weight what it is, and the places of the texts where they are.
 * Errors: `KERNEL_SCOPE_UNSUPPORTED`.
 */
export function requireProbes(tensors: readonly HostTensor[], interventions: Interventions): void {
  const scaling = interventions.find(
    (item) => item.kind === 'weightScale' || item.kind === 'weightMagnitude' || rulesOf(item).readsWeight,
  );
  if (scaling && tensors.some(({ kind }) => kind === 'linear' || kind === 'norm'))
    throw unsupported(
      `weights of the host beside a ${scaling.kind}, which makes them others`,
      'ask for the parameters of the method alone',
    );
  const moving = interventions.find(
    (item) => item.kind === 'tokenPrefix' || (item.kind === 'keyValuePrefix' && item.positions === 'shift'),
  );
  if (moving && tensors.some(({ kind }) => kind === 'table'))
    throw unsupported(
      `tables of the host beside a ${moving.kind}, which moves positions`,
      'leave the tables out of the scope',
    );
}

const unsupported = (found: string, fix: string) =>
  new PeftError('KERNEL_SCOPE_UNSUPPORTED', { found, expected: 'tensors whose gradients can be seen in a pass', fix });
