import * as tf from '@tensorflow/tfjs';

/** True while a gradient is being recorded: only then is it worth keeping or computing what the backward pass needs. */
export const recording = (): boolean => tf.engine().state.gradientDepth > 0;
