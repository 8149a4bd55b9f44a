import { compose, createStream, head, type Host, PeftError } from '@tfjs-peft/peft-core';
import { type Batch, type Objective } from '@tfjs-peft/peft-core/authoring';
import { chooseTensors, type HostTensor, observeGradients } from '@tfjs-peft/sift';
import * as tf from '@tensorflow/tfjs';

/** The shares of the entries that are asked about. */
export const topShares = [0.001, 0.01, 0.1] as const;

/** What one tensor's gradient looks like on one batch. */
interface GradientShape {
  /** Euclidean norm. */
  readonly norm: number;
  /** Part of the norm that the largest 0.1, 1 and 10 % of the entries have: `‖g_S‖ / ‖g‖`. */
  readonly shares: readonly number[];
}

/** The gradients of one host on some batches, by the path of the tensor, a batch an entry. */
export type GradientShapes = ReadonlyMap<string, readonly GradientShape[]>;

export interface ShapeRequest {
  readonly host: Host;
  readonly tensors: readonly HostTensor[];
  readonly batches: AsyncIterable<Batch> | Iterable<Batch>;
  readonly objective: Objective;
  readonly labels: readonly string[];
  readonly seed: number;
}

/**
 * The shape of the gradients at the start of training, with a new head: no tensor's gradient is kept. One backward pass a batch.
 * Errors: `SELECTION_NOT_FINITE`, and those of the objective.
 */
export async function measureShares(request: ShapeRequest): Promise<GradientShapes> {
  const { host, tensors, objective, labels, seed } = request;
  const found = new Map<string, GradientShape[]>();
  const others = compose(head({ labels: [...labels] }));
  for await (const batch of request.batches) {
    const measured = new Map<string, tf.Tensor>();
    try {
      observeGradients({ host, batch, objective, others, shared: createStream(seed) }, tensors, ({ path }, gradient) =>
        measured.set(path, tf.keep(squaredSums(gradient))),
      );
      for (const [path, sums] of measured) {
        const [whole, ...tops] = [...(await sums.data())];
        if (!Number.isFinite(whole)) throw notFinite(path);
        const shares = tops.map((top) => (whole! > 0 ? Math.sqrt(top / whole!) : 0));
        found.set(path, [...(found.get(path) ?? []), { norm: Math.sqrt(whole!), shares }]);
      }
    } finally {
      tf.dispose([...measured.values()]);
    }
  }
  return found;
}

/** Sums of squares: of all entries, then of the largest of each share, at least one. */
function squaredSums(gradient: tf.Tensor): tf.Tensor {
  const squares = gradient.square().flatten();
  const counts = topShares.map((share) => Math.max(1, Math.round(share * squares.size)));
  const largest = tf.topk(squares, counts.at(-1)!).values as tf.Tensor1D;
  return tf.stack([squares.sum(), ...counts.map((count) => largest.slice(0, count).sum())]);
}

const notFinite = (path: string) =>
  new PeftError('SELECTION_NOT_FINITE', {
    found: `the gradient of ${path} has numbers that are NaN or infinite`,
    expected: 'finite numbers',
    fix: 'look at the texts and labels: a loss that is not finite has no gradient',
  });

/** The weights of all affine maps of the layers: one role a column of the picture. */
export const weightsOfLayers = (host: Host): HostTensor[] => {
  const roles = ['query', 'key', 'value', 'attentionOutput', 'feedForwardIn', 'feedForwardOut'].map(
    (role) => `${role}.weight`,
  );
  return chooseTensors(roles, host.spec);
};
