// A method outside this repository: copies tools/peft-method/template-outside to a folder of its own, installs the packed packages there,
// runs the conformance kit, an experiment with the method alone and under a simplex, and a prediction with what it saved. Then it compiles and runs
// examples/methods there: they need nothing but public exports. Nothing in the repository may change. `--keep` leaves the folder for a look; `--built` takes packages/*/dist as they are.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPackages, neededPackages, packPackage, root, run, say } from './pack-packages.mjs';

const examples = join(root, 'examples', 'methods');
const template = join(root, 'tools', 'peft-method', 'template-outside');
const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-third-party-'));
const project = join(folder, 'my-method');
const inProject = (command, args) => run(command, args, project);
/** What git sees of the repository: tracked files that differ, and files that are new. */
const state = () => run('git', ['status', '--porcelain', '--untracked-files=all']) + run('git', ['diff', 'HEAD']);

/** Registry versions are replaced by tarballs, those of packages that others need as well: nothing of @tfjs-peft is asked of a registry. */
function useTarballs(manifest) {
  const tarballs = Object.fromEntries(
    neededPackages(manifest.dependencies, manifest.devDependencies).map((name) => [
      `@tfjs-peft/${name}`,
      `file:${packPackage(name, folder)}`,
    ]),
  );
  const replaced = (dependencies) =>
    Object.fromEntries(Object.entries(dependencies).map(([name, version]) => [name, tarballs[name] ?? version]));
  const others = Object.entries(tarballs).filter(([name]) => !manifest.dependencies[name]);
  return {
    ...manifest,
    dependencies: replaced(manifest.dependencies),
    devDependencies: { ...replaced(manifest.devDependencies), ...Object.fromEntries(others) },
  };
}

function expect(what, text, pattern) {
  if (!pattern.test(text)) throw new Error(`${what}: expected ${pattern} in\n${text}`);
  say(`${what}: ok`);
}

try {
  const before = state();
  if (!process.argv.includes('--built')) buildPackages();
  mkdirSync(project);
  cpSync(template, project, { recursive: true });
  cpSync(examples, join(project, 'src', 'examples'), { recursive: true });
  const manifest = useTarballs(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')));
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest, null, 2));
  say('installing the tarballs in a project outside the workspace');
  inProject('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund']);

  const kit = inProject('npm', ['test']);
  expect('conformance kit under node:test', kit, /^# pass [1-9]\d+$/m);
  expect('none of it failed', kit, /^# fail 0$/m);
  say(kit.match(/^# (tests|pass|skipped) \d+$/gm).join(', '));

  for (const file of readdirSync(examples).filter((name) => name !== 'setting.ts')) {
    const program = join('dist', 'examples', file.replace(/ts$/, 'js'));
    expect(`examples/methods/${file}`, inProject(process.execPath, [program]).trim(), /./);
  }

  const tfjsPeft = (...args) => inProject('npx', ['--no-install', 'tfjs-peft', ...args]);
  const short = ['--config', 'experiment.yaml', '--steps', '5', '--test-cap', '50', '--seeds', '1'];
  const chosen = ['--methods', 'my-method,my-method-subspace', '--no-floors', '--output', 'runs/short'];
  expect('plan', tfjsPeft('run', ...short, ...chosen, '--dry-run'), /my-method-subspace/);
  const compared = JSON.parse(tfjsPeft('run', ...short, ...chosen, '--json', '--quiet'));
  expect('run, alone and under a simplex', JSON.stringify(compared), /"my-method".*"my-method-subspace"/s);
  const trials = readdirSync(join(project, 'runs', 'short', 'trials')).map((name) => `runs/short/trials/${name}`);
  const simplex = trials.find((name) => name.includes('my-method-subspace'));
  const texts = ['You have won', "Minutes of Tuesday's meeting"];
  for (const saved of ['runs/short', simplex])
    expect(
      `predict ${saved}`,
      tfjsPeft('predict', saved, '--plugin', './dist/index.js', ...texts),
      /(ham|spam)[\s\S]*(ham|spam)/,
    );
  expect('inspect the simplex', tfjsPeft('inspect', simplex), /SUBSPACE[\s\S]*MY_METHOD|MY_METHOD[\s\S]*SUBSPACE/);

  if (state() !== before) throw new Error('the repository has changed');
  say('the repository is as it was');
} finally {
  if (process.argv.includes('--keep')) say(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
