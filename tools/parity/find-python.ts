import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../packages/setup-native/src/plan-setup.js';

/** Pinned packages, and the venv in the cache that holds them. */
export interface PythonPackages {
  readonly requirements: string;
  readonly venv: string;
}
const hfPeft: PythonPackages = {
  requirements: fileURLToPath(new URL('requirements.txt', import.meta.url)),
  venv: 'parity',
};

/** Prints name, version found (or nothing) and pinned version of every package that is not as pinned. */
const listDifferences = `
import sys
from importlib import metadata
for line in open(sys.argv[1]):
    name, _, wanted = line.strip().partition("==")
    if not name or name.startswith("#"): continue
    try: found = metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError: found = ""
    if found != wanted: print(name, found, wanted, sep=",")
`;

/** Why there is no Python to compare with: one sentence, and what to do. */
export class NoPython extends Error {}

const run = (command: string, args: readonly string[], shown = false) =>
  spawnSync(command, args, { encoding: 'utf8', stdio: shown ? ['ignore', 2, 2] : ['ignore', 'pipe', 'pipe'] });

/** Packages that are not as pinned in requirements.txt; undefined if this is no Python that runs. */
function differences(
  python: string,
  requirements: string,
): { name: string; found: string; pinned: string }[] | undefined {
  const { status, stdout } = run(python, ['-c', listDifferences, requirements]);
  if (status !== 0) return undefined;
  const lines = stdout.split(/\r?\n/).filter(Boolean);
  return lines.map((line) => line.split(',')).map(([name = '', found = '', pinned = '']) => ({ name, found, pinned }));
}

/**
 * A Python with pinned packages, HF peft unless told otherwise: the named one, or a venv in the user's cache that is made once and brought up to requirements.txt.
 * Throws {@link NoPython}.
 */
export function findPython(
  named: string | undefined,
  say: (line: string) => void,
  { requirements, venv: name }: PythonPackages = hfPeft,
): string {
  if (named) {
    const found = differences(named, requirements);
    if (!found) throw new NoPython(`${named} is no Python that runs. Name another one with --python, or none.`);
    const missing = found.filter((one) => one.found === '').map(({ name }) => name);
    if (missing.length > 0)
      throw new NoPython(`${named} lacks ${missing.join(', ')}. Run: ${named} -m pip install -r ${requirements}`);
    for (const one of found) say(`note: ${named} has ${one.name} ${one.found}, pinned is ${one.pinned}`);
    return named;
  }
  const venv = join(cacheFolder(), name);
  const python = join(venv, ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']));
  if (!existsSync(python)) makeVenv(venv, say);
  if (differences(python, requirements)?.length !== 0) {
    say(`installing ${requirements} in ${venv} (torch is large)`);
    const { status } = run(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], true);
    if (status !== 0)
      throw new NoPython(
        `pip could not install ${requirements} in ${venv}. Name a Python that has it with --python or TFJS_PEFT_PYTHON.`,
      );
  }
  return python;
}

function makeVenv(venv: string, say: (line: string) => void): void {
  say(`making a venv in ${venv}`);
  const python = process.platform === 'win32' ? 'python' : 'python3';
  const { status, error, stderr } = run(python, ['-m', 'venv', venv]);
  if (error) throw new NoPython(`No ${python} here. Install it, or name one with --python or TFJS_PEFT_PYTHON.`);
  if (status !== 0)
    throw new NoPython(
      `${python} -m venv ${venv} failed: ${stderr.trim().split('\n').at(-1)}. Install python3-venv, or name a Python that has HF peft with --python or TFJS_PEFT_PYTHON.`,
    );
}
