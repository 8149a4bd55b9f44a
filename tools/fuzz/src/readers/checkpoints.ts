import { isDeepStrictEqual } from 'node:util';
import { checkpointName, type CheckpointStore, train } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import { createToyHost } from '../../../../packages/train/test/toy-host.js';
import { toyRequest } from '../../../../packages/train/test/toy-request.js';
import { bytesOf, type Files, type Reader, WrongValue } from '../reader.js';
import { sharedSeed } from '../shared-seeds.js';

/** A checkpoint that a run goes on from: what it gives is what the run gives that nobody stopped. */
export const checkpoints: Reader = {
  name: 'checkpoint',
  async open(shared) {
    await tf.setBackend('cpu');
    const host = createToyHost();
    const run = (store?: CheckpointStore) =>
      toyRequest(
        host,
        { steps: 4, checkpointEvery: 2, evaluateEvery: { epochs: 0, minSteps: 2 } },
        store ? { store } : {},
      );
    const whole = await train(run());
    const seed = await sharedSeed(shared, 'checkpoint', async () => {
      const written: Uint8Array[] = [];
      await train(
        run({ read: async () => null, write: async (_, bytes) => void written.push(bytes), remove: async () => {} }),
      );
      return new Map([[checkpointName, written[0]!]]);
    });
    return {
      seeds: [seed],
      words: [
        '"step":2',
        '"step":3',
        '"version":1',
        'state',
        'raw:',
        'best:',
        'firstMoments:',
        'lastEvaluation',
        'NaN',
        'history',
        'selection',
        'identity',
      ],
      async read(files: Files) {
        const bytes = bytesOf(files, checkpointName);
        const before = tf.memory().numTensors;
        try {
          const resumed = await train(run({ read: async () => bytes, write: async () => {}, remove: async () => {} }));
          if (!isDeepStrictEqual([...resumed.raw], [...whole.raw]))
            throw new WrongValue('another result than the whole run');
        } finally {
          const left = tf.memory().numTensors - before;
          // eslint-disable-next-line no-unsafe-finally -- a leak is a finding whatever else happened
          if (left !== 0) throw new WrongValue(`${left} tensors left`);
        }
      },
      close: () => host.dispose(),
    };
  },
};
