/** A deliberate fault: one edit of one file, and the suites that must notice it. */
export interface Mutant {
  /** What is wrong, as a reviewer would say it. */
  readonly fault: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Jest projects and a pattern of spec files: `transformer key-value-prefix`. The first failing test ends the run. */
  readonly suites: string;
  /** For suites that need the fused kernels: on a machine without them the fault is left out with a line. */
  readonly backend?: 'tensorflow';
}

/** The file with the fault in it. Throws where the text to replace is not there exactly once: the list has to follow the code. */
export function applyMutant(source: string, { file, find, replace }: Mutant): string {
  const count = source.split(find).length - 1;
  if (count !== 1) throw new Error(`${file}: ${JSON.stringify(find)} occurs ${count} times, expected once`);
  return source.replace(find, () => replace);
}
