import { expect, it } from '@jest/globals';
import { createStream, evaluationContext, initialValues, toParameters } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { specOfMaps } from '../test/fake-host.js';
import { fourierft } from './index.js';
import { torchPermutation } from './mathematics/torch-generator.js';

useTestBackend();

it.each([
  [16, 4096],
  [16, 5000],
  [16, 14_336],
  [9000, 3],
])('FourierFT of %d inputs and %d outputs is what double precision gives', async (inputs, outputs) => {
  const count = 6;
  const spec = specOfMaps(['query', inputs, outputs, 'query']);
  const method = fourierft({ n_frequency: count, target_modules: ['query'] });
  const values = initialValues(method.plan(spec), createStream(1));
  const spectrum = [...values.values()][0]!.data;
  const delta = tf.tidy(() => {
    const [item] = method.intervene(toParameters(values), evaluationContext(spec, 1));
    if (item?.kind !== 'weightDelta') throw new Error('a change of the weight was expected');
    return item.delta;
  });
  const found = await delta.data();
  delta.dispose();
  const places = torchPermutation(777, inputs * outputs, count);
  let [error, largest] = [0, 0];
  for (let at = 0; at < found.length; at++) {
    const [input, output] = [Math.floor(at / outputs), at % outputs];
    let sum = 0;
    places.forEach((place, i) => {
      const [row, column] = [Math.floor(place / inputs), place % inputs];
      const turns = ((row * output) % outputs) / outputs + ((column * input) % inputs) / inputs;
      sum += spectrum[i]! * Math.cos(2 * Math.PI * turns);
    });
    const expected = (sum * 150) / (inputs * outputs);
    error = Math.max(error, Math.abs(expected - found[at]!));
    largest = Math.max(largest, Math.abs(expected));
  }
  expect(error / largest).toBeLessThan(3e-6);
});
