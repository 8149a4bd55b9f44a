import type { Worker } from './worker.js';

/** What the rounds of one worker took. */
export interface Measured {
  readonly name: string;
  /** Median step of each round, milliseconds. */
  readonly rounds: number[];
  /** Processor time of a step in each round, milliseconds, all threads together. */
  readonly cpu: number[];
  peakMegabytes: number;
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Processes take turns: a round is so many steps of each, after two that warm up. */
export async function measure(workers: readonly Worker[], rounds: number, steps: number): Promise<Measured[]> {
  const measured = workers.map(({ name }): Measured => ({ name, rounds: [], cpu: [], peakMegabytes: 0 }));
  for (const worker of workers) await worker.run(2);
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    for (const [index, worker] of workers.entries()) {
      const { milliseconds, cpuMilliseconds, peakMegabytes } = await worker.run(steps);
      measured[index]!.cpu.push(cpuMilliseconds);
      measured[index]!.rounds.push(median(milliseconds));
      measured[index]!.peakMegabytes = peakMegabytes;
    }
  }
  return measured;
}
