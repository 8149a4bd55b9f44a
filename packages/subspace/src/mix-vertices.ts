import { sizeOf } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

/** One parameter at every vertex, or the one copy that all share. */
export type Mixture = WantedPoints | { readonly vertices: readonly [tf.Tensor] };

/** The points of a parameter that are wanted. */
interface WantedPoints {
  /** Each `[...shape]`. */
  readonly vertices: readonly tf.Tensor[];
  /** `[rows, vertices]` */
  readonly coefficients: tf.Tensor2D;
  /** Whether the result has an axis of rows; else there is one row. */
  readonly keepRows: boolean;
}

/**
 * Convex combinations of one parameter's vertices, each `[...shape]`: coefficients `[rows, vertices]` give `[rows, ...shape]`, or
 * `[...shape]` for one row when `keepRows` is false. Differentiable in the vertices.
 */
export const mixVertices = (vertices: readonly tf.Tensor[], coefficients: tf.Tensor2D, keepRows: boolean): tf.Tensor =>
  mixAll([{ vertices, coefficients, keepRows }])[0]!;

/** The same for many parameters, in one call where there is a fused kernel for it. */
export function mixAll(mixtures: readonly Mixture[]): tf.Tensor[] {
  const mixed = mixtures.filter(isMixed);
  const results = hasFusedMixing(mixed) ? fusedMixing(mixed) : mixed.map(mixOne);
  let next = 0;
  return mixtures.map((mixture) => (isMixed(mixture) ? results[next++]! : mixture.vertices[0]!));
}

const isMixed = (mixture: Mixture): mixture is WantedPoints =>
  'coefficients' in mixture && (mixture.vertices.length > 1 || mixture.keepRows);

function mixOne({ vertices, coefficients, keepRows }: WantedPoints): tf.Tensor {
  const shape = vertices[0]!.shape;
  const rows = coefficients.shape[0];
  const flat = tf.stack([...vertices]).reshape<tf.Tensor2D>([vertices.length, sizeOf(shape)]);
  return tf.matMul(coefficients, flat).reshape(keepRows ? [rows, ...shape] : shape);
}

const kernel = 'TfjsPeftMix';

/** The kernel takes as many vertices for each parameter. */
const hasFusedMixing = (mixtures: readonly WantedPoints[]): boolean =>
  mixtures.length > 0 &&
  mixtures.every(({ vertices }) => vertices.length === mixtures[0]!.vertices.length) &&
  tf.getKernel(kernel, tf.getBackend()) !== undefined;

/** One node on the tape, whose gradient is one call as well. */
function fusedMixing(mixtures: readonly WantedPoints[]): tf.Tensor[] {
  if (!tf.getGradient(kernel)) tf.registerGradient(gradient);
  const points = mixtures.flatMap(({ vertices }) => vertices);
  const coefficients = mixtures.map((mixture) =>
    mixture.keepRows ? mixture.coefficients : mixture.coefficients.reshape([mixture.vertices.length]),
  );
  const inputs = [...points, ...coefficients] as unknown as tf.NamedTensorMap;
  return tf.engine().runKernel(kernel, inputs, { count: mixtures.length, points: points.length }) as tf.Tensor[];
}

const gradient: tf.GradConfig = {
  kernelName: kernel,
  saveAllInputs: true,
  gradFunc(dy, saved, attributes) {
    const { count, points } = attributes as unknown as { count: number; points: number };
    const inputs = [...(Array.isArray(dy) ? dy : [dy]), ...saved.slice(points)] as unknown as tf.NamedTensorMap;
    const made = tf.engine().runKernel('TfjsPeftMixGradient', inputs, { count, points }) as tf.Tensor[];
    return Object.fromEntries(made.map((tensor, index) => [index, () => tensor]));
  },
};

/** The mean of one parameter's vertices; the very tensor if there is only one. */
export const meanOfVertices = (vertices: readonly tf.Tensor[]): tf.Tensor =>
  vertices.length === 1 ? vertices[0]! : tf.addN([...vertices]).div(vertices.length);
