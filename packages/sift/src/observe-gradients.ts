import {
  compose,
  evaluationContext,
  type Host,
  initialValues,
  type PeftMethod,
  type Stream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { getParameter, lossAndGradients, type Objective, type Batch } from '@tfjs-peft/peft-core/authoring';
import { type Intervention } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from './choose-tensors.js';

/** Of which loss the gradients are. */
export interface GradientQuestion {
  readonly host: Host;
  readonly batch: Batch;
  readonly objective: Objective;
  /** The rest of what will be trained, such as the head, with the initial values of `shared`. */
  readonly others: PeftMethod;
  readonly shared: Stream;
}

/** Is shown the gradient of one tensor, once and in its shape; what it makes is its own, the gradient is gone after the call. */
export type GradientObserver = (tensor: HostTensor, gradient: tf.Tensor) => void;

/**
 * One backward pass in which each dense gradient of a tensor of the host lives only while `observe` looks at it: at most one of them is in memory at a
 * time, in the order of the backward pass. The gradient of a tensor that acts several times, because the objective runs several passes or layers share
 * their modules, lives from its first part to its last. Without dropout, so that it repeats.
 * Errors: those of the objective, of the host and of the other methods.
 */
export function observeGradients(
  { host, batch, objective, others, shared }: GradientQuestion,
  tensors: readonly HostTensor[],
  observe: GradientObserver,
): void {
  const collected = collectParts(observe);
  const probes = probesOf(tensors, others, collected);
  const method = compose(probes, others);
  try {
    tf.tidy(() => {
      const raw = toParameters(initialValues(method.plan(host.spec), shared));
      const context = evaluationContext(host.spec, batch.inputs.inputIds.shape[0]);
      const wrt = tensors.map(probeName);
      lossAndGradients({ host, method, raw, batch, objective, context, wrt });
    });
    collected.finish();
  } finally {
    collected.dispose();
  }
}

/** Adds up the parts of the gradient of a tensor, one for each time that it acts, and hands on what is complete. */
function collectParts(observe: GradientObserver) {
  const expected = new Map<HostTensor, number>();
  const parts = new Map<HostTensor, { count: number; sum: tf.Tensor }>();
  const handOn = (tensor: HostTensor, sum: tf.Tensor) => tf.tidy(() => observe(tensor, sum));
  return {
    announce: (tensor: HostTensor) => void expected.set(tensor, (expected.get(tensor) ?? 0) + 1),
    add(tensor: HostTensor, gradient: tf.Tensor) {
      const wanted = expected.get(tensor);
      if (wanted === 1) return handOn(tensor, gradient);
      const known = parts.get(tensor);
      const sum = tf.keep(known ? known.sum.add(gradient) : gradient.clone());
      known?.sum.dispose();
      parts.set(tensor, { count: (known?.count ?? 0) + 1, sum });
      if (parts.get(tensor)!.count === wanted) {
        handOn(tensor, sum);
        sum.dispose();
        parts.delete(tensor);
      }
    },
    /** What acts where the loss does not look gives no part. */
    finish: () => parts.forEach(({ sum }, tensor) => handOn(tensor, sum)),
    dispose: () => tf.dispose([...parts.values()].map(({ sum }) => sum)),
  };
}

const probeName = ({ path }: HostTensor) => `${namespace}.${path}`;
const namespace = 'gradient-probes';

/** Adds nothing at each tensor, and sees the slope of what it adds. */
function probesOf(
  tensors: readonly HostTensor[],
  others: PeftMethod,
  { announce, add }: ReturnType<typeof collectParts>,
): PeftMethod {
  // Scales act on the weight, so that the gradient of the frozen one is not that of an added product.
  const scaled =
    others.kinds === undefined || others.kinds.some((kind) => kind === 'weightScale' || kind === 'weightMagnitude');
  return {
    type: 'GRADIENT_PROBES',
    config: {},
    namespaces: [namespace],
    plan: () => ({
      raw: tensors.map((tensor) => ({ name: probeName(tensor), shape: [], initial: { kind: 'constant', value: 0 } })),
      effective: tensors.map((tensor) => ({
        name: probeName(tensor),
        shape: [],
        site: tensor.module,
        perExample: 'none',
      })),
    }),
    intervene: (effective) =>
      tensors.map((tensor): Intervention => {
        const probe = getParameter(effective, probeName(tensor));
        const { module: path, part, kind, shape } = tensor;
        if (part === 'weight' && kind === 'linear' && !scaled)
          return {
            kind: 'activationDelta',
            path,
            perToken: true,
            apply(x) {
              announce(tensor);
              return productProbe(x, probe, shape[1]!, (gradient) => add(tensor, gradient));
            },
          };
        // However often the host adds it: TensorFlow.js adds up the slopes.
        announce(tensor);
        const delta = zerosProbe(probe, shape, (gradient) => add(tensor, gradient));
        return part === 'bias' ? { kind: 'biasDelta', path, delta } : { kind: 'weightDelta', path, delta };
      }),
  };
}

/** Zeros of a shape; the slope is seen and goes no further. */
const zerosProbe = (probe: tf.Tensor, shape: readonly number[], see: (gradient: tf.Tensor) => void): tf.Tensor =>
  tf.customGrad(() => ({
    value: tf.zeros([...shape]),
    gradFunc: (dy: tf.Tensor) => {
      see(dy);
      return tf.zeros([]);
    },
  }))(probe);

/**
 * Zeros in the place of `x · delta`, x `[…, input]`: the gradient of the delta, `xᵀ · dy`, is formed in the backward pass and freed there. That of a
 * delta that the host adds would live to the end of the pass.
 */
const productProbe = (x: tf.Tensor, probe: tf.Tensor, outputs: number, see: (gradient: tf.Tensor) => void): tf.Tensor =>
  tf.customGrad((_probe, save) => {
    (save as tf.GradSaveFunc)([x]);
    return {
      value: tf.zeros([...x.shape.slice(0, -1), outputs]),
      gradFunc: (dy: tf.Tensor, [states]: tf.Tensor[]) => {
        tf.tidy(() => see(tf.matMul(asRows(states!), asRows(dy), true)));
        return tf.zeros([]);
      },
    };
  })(probe);

const asRows = (x: tf.Tensor): tf.Tensor2D => x.reshape([-1, x.shape.at(-1)!]);
