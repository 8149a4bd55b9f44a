// Adds the platform packages (`@swc/core-darwin-arm64`, …) that npm leaves out of package-lock.json when a registry mirror does not serve
// them for platforms other than its own: without their entries `npm ci` refuses the lock file. Asks the registry for the checksum of every
// package that has none, so that whatever a mirror serves is checked. Run it after `npm install`. `--check` changes nothing and asks nobody:
// exit code 1 if a checksum is missing.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

const file = 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8'));
const packages = lock.packages;
const systems = ['darwin', 'win32', 'linux', 'android', 'freebsd', 'openharmony', 'netbsd', 'openbsd', 'sunos', 'aix'];
const processors = ['arm64', 'x64', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64', 'wasm32', 'arm'];

/** Whether a package folder or one above it holds the dependency. */
function isLocked(folder, name) {
  for (let base = folder; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
    if (packages[`${base === '' ? '' : `${base}/`}node_modules/${name}`]) return true;
    if (base === '') return false;
  }
}

/** Packages of the registry without a checksum: `[folder, name@version]`. Workspaces are links. */
const unchecked = () =>
  Object.entries(packages).flatMap(([folder, { version, link, integrity }]) => {
    const at = folder.lastIndexOf('node_modules/');
    return at < 0 || link || integrity ? [] : [[folder, `${folder.slice(at + 'node_modules/'.length)}@${version}`]];
  });

async function askChecksum(name) {
  const { stdout } = await promisify(execFile)('npm', ['view', name, 'dist.integrity', '--json']);
  const integrity = JSON.parse(stdout || 'null');
  if (typeof integrity !== 'string' || !/^sha512-/.test(integrity))
    throw new Error(`the registry has no checksum of ${name}`);
  return integrity;
}

if (process.argv.includes('--check')) {
  const names = unchecked().map(([, name]) => name);
  if (names.length > 0) {
    console.error(
      `${file}: no integrity for ${names.length} packages (${names.slice(0, 3).join(', ')}). Run node tools/ci/complete-lock-file.mjs.`,
    );
    process.exitCode = 1;
  }
} else {
  let added = 0;
  for (const [folder, { optionalDependencies = {}, dev, license }] of Object.entries(packages))
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const parts = name.split('/').at(-1).split('-');
      const os = systems.find((system) => parts.includes(system));
      const cpu = processors.find((processor) => parts.includes(processor));
      if (!os || !cpu || !/^\d+\.\d+\.\d+/.test(version) || isLocked(folder, name)) continue;
      packages[`node_modules/${name}`] = {
        version,
        cpu: [cpu],
        ...(dev && { dev }),
        license,
        optional: true,
        os: [os],
      };
      added++;
    }
  const asked = unchecked();
  for (const [folder, name] of asked) packages[folder].integrity = await askChecksum(name);
  lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${added} platform packages and ${asked.length} checksums added to ${file}`);
}
