import {
  disposeParameters,
  type HostSpec,
  initialValues,
  PeftError,
  readParameters,
  type Stream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { floatsOf } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import type { PrefixConfig } from './config.js';
import { parametersOfMlp, rowsFromMlp } from './mlp.js';

/** Steps between two looks at the error, which let everything else in the process have its turn. */
const pause = 10;

/**
 * Raw parameters of an MLP whose output is near `target` `[prefixLength, 2 · layers · hidden]`: it starts as `torch` does from `stream`, and
 * Adam lowers the mean squared error (Li and Liang 2021, section 7.4). Errors: `INITIALISATION_DIVERGED`.
 */
export async function fitMlp(
  config: PrefixConfig,
  host: HostSpec,
  target: tf.Tensor2D,
  stream: Stream,
): Promise<Map<string, Float32Array>> {
  const start = toParameters(initialValues({ raw: parametersOfMlp(config, host), effective: [] }, stream));
  const variables = new Map([...start].map(([name, tensor]) => [name, tf.variable(tensor)]));
  disposeParameters(start);
  const optimiser = tf.train.adam(config.activationLearningRate, 0.9, 0.999, 1e-8);
  const loss = () => rowsFromMlp(config, variables).sub(target).square().mean() as tf.Scalar;
  try {
    for (let step = 1; step <= config.activationSteps; step++) {
      const error = optimiser.minimize(loss, true, [...variables.values()])!;
      const value = step % pause === 0 || step === config.activationSteps ? (await error.data())[0]! : 0;
      error.dispose();
      requireFinite(value, step, config);
      if (step % pause === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return new Map([...(await readParameters(variables))].map(([name, array]) => [name, floatsOf(array)]));
  } finally {
    optimiser.dispose();
    disposeParameters(variables);
  }
}

function requireFinite(value: number, step: number, { activationLearningRate }: PrefixConfig): void {
  if (Number.isFinite(value)) return;
  throw new PeftError('INITIALISATION_DIVERGED', {
    found: `the fit of the prefix MLP to the words' keys and values has error ${value} in step ${step} at activationLearningRate ${activationLearningRate}`,
    expected: 'a finite number',
    fix: 'lower activationLearningRate',
  });
}
