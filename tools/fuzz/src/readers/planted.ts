import { PeftError } from '@tfjs-peft/peft-core';
import { oneFile, type Reader, WrongValue } from '../reader.js';

/** What is not let go of. */
const held: Uint8Array[] = [];

/** Readers with a fault each, which the fuzzer must find: what finds nothing in these proves nothing. */
const faults: Readonly<Record<string, () => unknown>> = {
  hang() {
    for (;;);
  },
  death: () => process.abort(),
  escape: () => (undefined as unknown as { length: number }).length,
  'wrong value'() {
    throw new WrongValue('not what was asked');
  },
  slow() {
    // Processor time, which is what the fuzzer measures: on a busy machine the clock runs ahead of it.
    const start = process.cpuUsage();
    const spent = () => Object.values(process.cpuUsage(start)).reduce((sum, part) => sum + part, 0);
    while (spent() < 800_000);
  },
  memory: () => (held[0] = new Uint8Array(2 ** 27).fill(1)),
  message() {
    // An error of ours cuts its own text.
    throw Object.assign(new PeftError('TOO_LONG', { found: 'x' }), { message: 'x'.repeat(20_000) });
  },
  pollution: () => ((Object.prototype as { polluted?: boolean }).polluted = true),
  unhandled: () => void Promise.reject(new Error('nobody waits for this')),
};

export const plantedFaults = Object.keys(faults);
/** Good for its seed, at fault for some of the other inputs. */
export const plantedReaders: readonly Reader[] = Object.entries(faults).map(([kind, act]) => ({
  name: `planted ${kind}`,
  open: async () => ({
    seeds: [oneFile('seed')],
    read(files) {
      if (Buffer.from(files.get('input')!).toString() !== 'seed') act();
    },
  }),
}));
