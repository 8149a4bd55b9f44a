// Packs every public package, checks the tarballs with publint and attw, then uses four of them from a project outside the workspace:
// five training steps from ESM, from CommonJS and from TypeScript. What all of them install comes from the registry alone. `--keep` leaves the
// project for a look.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkDownloads } from './check-downloads.mjs';
import { bin, buildPackages, packageNames, packPackage, root, run, say } from './pack-packages.mjs';

const here = join(root, 'tools', 'consumer');
const isCommand = (name) =>
  JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')).bin !== undefined;

/** A package without its build cannot be packed. */
function refuseUnbuilt(folder) {
  const copy = join(folder, 'packages', 'unbuilt');
  cpSync(join(root, 'packages', 'peft-core', 'package.json'), join(copy, 'package.json'));
  cpSync(join(root, 'tools', 'build'), join(folder, 'tools', 'build'), { recursive: true });
  try {
    execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts=false'], { cwd: copy, stdio: 'pipe' });
  } catch (error) {
    if (/lacks .*dist/.test(String(error.stderr))) return say('a package that is not built is refused');
  }
  throw new Error('npm pack packs a package without dist');
}

const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-consumer-'));
try {
  buildPackages();
  const tarballs = new Map();
  for (const name of packageNames()) {
    const tarball = packPackage(name, folder);
    tarballs.set(name, tarball);
    run(bin('publint'), ['run', tarball, '--strict']);
    // Commands are ESM alone; everything else resolves from ESM, CommonJS and bundlers.
    if (!isCommand(name)) run(bin('attw'), [tarball, '--format', 'table-flipped']);
    say(`publint and attw clean: ${name}`);
  }

  refuseUnbuilt(folder);
  const installed = checkDownloads(tarballs, join(folder, 'all'));
  say(`all packages: ${installed} packages installed, all from the registry, none runs a script that downloads`);

  const project = join(folder, 'project');
  mkdirSync(project);
  for (const file of readdirSync(join(here, 'project'))) cpSync(join(here, 'project', file), join(project, file));
  const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  for (const name of ['peft-core', 'prefix', 'subspace', 'transformer'])
    manifest.dependencies[`@tfjs-peft/${name}`] = `file:${tarballs.get(name)}`;
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest, null, 2));
  say('installing the tarballs in a project outside the workspace');
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], project);

  for (const [label, command, args] of [
    ['ESM', process.execPath, ['esm.mjs']],
    ['CommonJS', process.execPath, ['commonjs.cjs']],
    ['TypeScript types (nodenext)', bin('tsc'), ['--noEmit', '-p', 'tsconfig.json']],
    [
      'TypeScript types (bundler)',
      bin('tsc'),
      ['--noEmit', '-p', 'tsconfig.json', '--module', 'esnext', '--moduleResolution', 'bundler'],
    ],
    ['TypeScript compiled to ESM', bin('tsc'), ['-p', 'tsconfig.json', '--outDir', 'out']],
    ['TypeScript run', process.execPath, ['out/typed.js']],
  ])
    say(`${label}: ${run(command, args, project).trim() || 'ok'}`);
} finally {
  if (process.argv.includes('--keep')) say(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
