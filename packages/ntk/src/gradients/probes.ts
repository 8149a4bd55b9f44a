import type { EncodedText, HostSpec } from '@tfjs-peft/peft-core';
import { PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import type { Intervention, Interventions } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from './host-tensors.js';

/** What a backward pass shows of one affine map: its input and the slope at its output, `[batch or 1, places, size]`. */
export type SeeAffine = (module: string, x: tf.Tensor | undefined, slope: tf.Tensor) => void;

const namespace = 'gradient-probes';
/** The scalar through which the slopes of all affine maps are seen. */
const affineProbe = `${namespace}.affine`;
/** Added to the sum of the embeddings: one row a place, zeros. */
export const embeddingProbe = `${namespace}.embeddings`;
/** Zeros of a norm's weight or bias, one an example. */
export const normProbe = ({ path }: HostTensor): string => `${namespace}.${path}`;

const isProbe = (name: string) => name.startsWith(`${namespace}.`);
export const withoutProbes = <T>(parameters: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
  new Map([...parameters].filter(([name]) => !isProbe(name)));

/** The parameters that see the gradients of the host's tensors, zeros all of them, for a batch of this many texts and places. */
export function probeValues(tensors: readonly HostTensor[], spec: HostSpec, batch: number, tokens: number) {
  const values = new Map<string, tf.Tensor>();
  if (tensors.some(({ kind }) => kind === 'linear')) values.set(affineProbe, tf.scalar(0));
  for (const tensor of tensors)
    if (tensor.kind === 'norm') values.set(normProbe(tensor), tf.zeros([batch, ...tensor.shape]));
  if (tensors.some(({ kind }) => kind === 'table')) {
    const { first, size } = positionsOf(spec);
    values.set(embeddingProbe, tf.zeros([batch, first + tokens, size]));
  }
  return values;
}

/** Interventions that change nothing and see all. */
export function probeInterventions(
  tensors: readonly HostTensor[],
  spec: HostSpec,
  effective: ReadonlyMap<string, tf.Tensor>,
  see: SeeAffine,
): Interventions {
  const modules = new Map<string, HostTensor[]>();
  for (const tensor of tensors)
    if (tensor.kind === 'linear') modules.set(tensor.module, [...(modules.get(tensor.module) ?? []), tensor]);
  const affine = [...modules].map(([path, parts]): Intervention => {
    const outputs = parts[0]!.shape.at(-1)!;
    const keepsInput = parts.some(({ part }) => part === 'weight');
    return {
      kind: 'activationDelta',
      path,
      perToken: true,
      apply: (x) => seeSlope(x, keepsInput, outputs, effective.get(affineProbe)!, (...seen) => see(path, ...seen)),
    };
  });
  const norms = tensors.flatMap((tensor): Intervention[] => {
    if (tensor.kind !== 'norm') return [];
    const delta = effective.get(normProbe(tensor))!;
    return [{ kind: tensor.part === 'bias' ? 'biasDelta' : 'weightDelta', path: tensor.module, delta }];
  });
  const up = effective.get(embeddingProbe);
  if (!up) return [...affine, ...norms];
  const { path, rows } = positionsOf(spec);
  const columns = up.shape[1]!;
  // Row p of the table of positions chooses row p of the probe.
  const down = tf.eye(rows, columns);
  return [...affine, ...norms, { kind: 'lowRankDelta', path, down, up, scale: 1 }];
}

/** Zeros in the place of an affine map's change; the slope is seen and goes no further. */
const seeSlope = (
  x: tf.Tensor,
  keepsInput: boolean,
  outputs: number,
  probe: tf.Tensor,
  see: (x: tf.Tensor | undefined, slope: tf.Tensor) => void,
): tf.Tensor =>
  tf.customGrad((_probe, save) => {
    if (keepsInput) (save as tf.GradSaveFunc)([x]);
    return {
      value: tf.zeros([...x.shape.slice(0, -1), outputs]),
      gradFunc: (dy: tf.Tensor, [states]: tf.Tensor[]) => {
        tf.tidy(() => see(states, dy));
        return tf.zeros([]);
      },
    };
  })(probe);

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
    ({ kind }) => kind === 'weightScale' || kind === 'weightMagnitude' || kind === 'weightFunction',
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
