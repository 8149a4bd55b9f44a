import { availableParallelism, cpus } from 'node:os';
import { createBatch, startStepWorker } from '../bench/src/worker.js';

/** Cost of one training step of a method in a process of its own. */
export interface StepRecord {
  readonly method: string;
  /** Median wall time of a step: 16 rows of 64 tokens, no dropout. */
  readonly milliseconds: number;
  /** Largest resident memory of the process, host included, in MB. */
  readonly peakMegabytes: number;
  readonly machine: string;
}

const [rounds, steps] = [3, 5];
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** One process after the other, so that nothing else is running. */
export async function measureSteps(methods: readonly string[], say: (text: string) => void): Promise<StepRecord[]> {
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, tfjs-node`;
  const batch = createBatch(16, 64);
  const records: StepRecord[] = [];
  for (const method of methods) {
    const worker = await startStepWorker(method, {
      backend: 'tensorflow',
      method: { preset: method },
      prefixLength: 0,
      dropout: false,
      batch,
    });
    const times: number[] = [];
    let peak = 0;
    for (let round = 0; round < rounds; round++) {
      const { milliseconds, peakMegabytes } = await worker.run(steps);
      times.push(...milliseconds);
      peak = peakMegabytes;
    }
    worker.stop();
    records.push({ method, milliseconds: Math.round(median(times)), peakMegabytes: Math.round(peak), machine });
    say(
      `${method}: ${records.at(-1)!.milliseconds} ms, ${records.at(-1)!.peakMegabytes} MB (${records.length} of ${methods.length})`,
    );
  }
  return records;
}
