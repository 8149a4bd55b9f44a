// Native speed for those who installed packages: packs what is needed, installs it with tfjs-node in an empty project, and runs the set-up there
// twice: compiling, then without a compiler from the package of compiled files. Each time training steps must run on the fused kernels, with the
// losses of this repository's own set-up to the bit, and --undo must leave the package as it was. Prints what a step costs in processor time there
// and here. Run `npm run setup:native` first; `--built` takes packages/*/dist as they are, `--keep` leaves the project for a look.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, neededPackages, packPackage, root, run, say } from './pack-packages.mjs';

const wanted = ['setup-native', 'backend', 'prefix', 'train', 'transformer'];
const stepCost = join('tools', 'consumer', 'native', 'step-cost.mjs');
const cache = process.env.TFJS_PEFT_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tfjs-peft');
const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-native-'));
const project = join(folder, 'project');
const tfjsNode = join(project, 'node_modules', '@tensorflow', 'tfjs-node');

const filesOf = (path) => readdirSync(path, { recursive: true }).toSorted();
const measure = (cwd, file) => JSON.parse(run(process.execPath, [file], cwd).trim().split('\n').at(-1));

function expect(what, holds, found) {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(found)}`);
  say(`${what}: ok`);
}

/** Runs the command in the project as a user would, with an environment of its own. */
const setUp = (env, ...options) =>
  execFileSync('npx', ['--no-install', 'setup-native', ...options], {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** A cache that holds TensorFlow alone, so that everything else comes from elsewhere and nothing is downloaded twice. */
function cacheWithTensorflow(name) {
  const path = join(folder, name);
  mkdirSync(path);
  for (const entry of readdirSync(cache).filter((entry) => entry.startsWith('tensorflow-')))
    symlinkSync(join(cache, entry), join(path, entry));
  return path;
}

/** Folders with the programs of this machine but no compiler. */
function pathWithoutCompiler() {
  const path = join(folder, 'bin');
  mkdirSync(path);
  for (const name of ['npm', 'npx', 'sh', 'python3', 'uname', 'env']) {
    const found = process.env.PATH.split(':')
      .map((place) => join(place, name))
      .find((file) => existsSync(file));
    if (found) symlinkSync(found, join(path, name));
  }
  symlinkSync(process.execPath, join(path, 'node'));
  return path;
}

function checkOneWay(label, env, before, here) {
  setUp(env, '--dry-run');
  expect(`${label}: --dry-run changes nothing`, filesOf(tfjsNode).join() === before.join(), label);
  say(setUp(env).trim());
  const there = measure(project, 'step-cost.mjs');
  expect(`${label}: fused kernels run`, there.fusedKernels.active, there.fusedKernels);
  expect(`${label}: losses are those of the repository`, there.losses.join() === here.losses.join(), [there, here]);
  say(
    `${label}: a step costs ${there.cpuMilliseconds.toFixed(0)} ms of processor time, in the repository ${here.cpuMilliseconds.toFixed(0)} ms (${(there.cpuMilliseconds / here.cpuMilliseconds).toFixed(3)})`,
  );
  say(setUp(env, '--undo').trim());
  expect(`${label}: undone to the file`, filesOf(tfjsNode).join() === before.join(), filesOf(tfjsNode).length);
}

try {
  if (!process.argv.includes('--built'))
    run(bin('nx'), ['run-many', '-t', 'build', '-p', wanted.map((name) => `@tfjs-peft/${name}`).join(',')]);
  const packages = neededPackages(Object.fromEntries(wanted.map((name) => [`@tfjs-peft/${name}`, '*'])));
  const compiled = join(folder, 'compiled');
  run('npm', ['run', '--silent', 'compiled-package', '--', compiled]);
  const tarballs = packages.map((name) => [`@tfjs-peft/${name}`, `file:${packPackage(name, folder)}`]);
  mkdirSync(project);
  const dependencies = {
    ...Object.fromEntries(tarballs),
    '@tensorflow/tfjs': '4.22.0',
    '@tensorflow/tfjs-node': '4.22.0',
  };
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  cpSync(join(root, stepCost), join(project, 'step-cost.mjs'));
  say('installing the tarballs and tfjs-node in an empty project');
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], project);
  const before = filesOf(tfjsNode);
  const here = measure(root, stepCost);
  checkOneWay('compiled there', { TFJS_PEFT_CACHE: cacheWithTensorflow('cache-1') }, before, here);

  const packed = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], compiled))[0];
  const { name } = JSON.parse(readFileSync(join(compiled, 'package.json'), 'utf8'));
  say(`${name}: ${(packed.size / 1e6).toFixed(1)} MB`);
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', join(folder, packed.filename)], project);
  const env = { TFJS_PEFT_CACHE: cacheWithTensorflow('cache-2'), PATH: pathWithoutCompiler() };
  checkOneWay('without a compiler', env, before, here);
} finally {
  if (process.argv.includes('--keep')) say(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
