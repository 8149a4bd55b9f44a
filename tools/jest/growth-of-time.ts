/**
 * How the CPU time of `work` grows with its size: the time of one run at `size` over that of sixteen runs at a sixteenth of it. Both do, and allocate,
 * as much where time grows with the size, so that a full heap slows both: some 1 there, 16 where it grows with the square. The least of up to five
 * tries, so that a busy machine does not change what is found.
 */
export async function growthOfTime(work: (size: number) => unknown, size: number): Promise<number> {
  const timeOf = async (runs: number) => {
    const start = process.cpuUsage();
    for (let run = 0; run < runs; run++) await work(Math.ceil(size / runs));
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  let least = Infinity;
  for (let tries = 0; tries < 5 && least > linearGrowth; tries++) {
    const small = Math.max(await timeOf(16), 1000);
    least = Math.min(least, (await timeOf(1)) / small);
  }
  return least;
}

/** What a linear growth stays below: some 0.4 to 2.5 were seen, and 12 and more where it grows with the square. */
export const linearGrowth = 6;
