import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './pack-packages.mjs';

/** Install scripts that are known to download nothing: core-js prints a notice. */
const harmlessScripts = ['core-js'];

/**
 * Resolves a project that depends on all packages as a consumer's `npm install` would, without the overrides of this repository, and throws for
 * whatever would come from elsewhere than the registry: an address of its own, or an install script. Returns the number of packages.
 */
export function checkDownloads(tarballs, project) {
  mkdirSync(project, { recursive: true });
  const dependencies = Object.fromEntries(
    [...tarballs].map(([name, tarball]) => [`@tfjs-peft/${name}`, `file:${tarball}`]),
  );
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, dependencies }));
  run('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'], project);
  const registry = new URL(run('npm', ['config', 'get', 'registry'], project).trim()).origin;
  const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
  const installed = Object.entries(packages).filter(([folder]) => folder !== '');
  const nameOf = (folder) => folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const wrong = installed.flatMap(([folder, { resolved = '', hasInstallScript }]) => {
    const own = resolved === '' || resolved.startsWith('file:') || resolved.startsWith(`${registry}/`);
    if (!own) return [`${nameOf(folder)} comes from ${resolved}`];
    return hasInstallScript && !harmlessScripts.includes(nameOf(folder))
      ? [`${nameOf(folder)} runs a script when it is installed`]
      : [];
  });
  if (wrong.length > 0) throw new Error(`a consumer's install: ${wrong.join('; ')}`);
  return installed.length;
}
