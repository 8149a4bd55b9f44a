import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Path of a command of this repository's dependencies. */
export const bin = (name) => join(root, 'node_modules', '.bin', name);
/** Runs a command and returns what it prints; what it says on standard error is shown. */
export const run = (command, args, cwd = root) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
export const say = (text) => console.log(text);

/** Builds every package. */
export function buildPackages() {
  say('building');
  run(bin('nx'), ['run-many', '-t', 'build']);
}

/** Packs one public package into a folder; the path of the tarball. Its `prepack` refuses a package that is not built. */
export function packPackage(name, folder) {
  const args = ['pack', '--json', '--ignore-scripts=false', '--pack-destination', folder];
  const packed = run('npm', args, join(root, 'packages', name));
  return join(folder, JSON.parse(packed)[0].filename);
}

export const packageNames = () => readdirSync(join(root, 'packages'));

/** The public packages that these dependencies need, directly or through others. */
export function neededPackages(...groups) {
  const needed = new Set();
  const visit = (dependencies = {}) => {
    for (const dependency of Object.keys(dependencies)) {
      const [scope, name] = dependency.split('/');
      if (scope !== '@tfjs-peft' || needed.has(name)) continue;
      needed.add(name);
      visit(JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')).dependencies);
    }
  };
  groups.forEach(visit);
  return packageNames().filter((name) => needed.has(name));
}
