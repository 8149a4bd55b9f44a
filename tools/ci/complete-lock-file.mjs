// Adds the platform packages (`@swc/core-darwin-arm64`, …) that npm leaves out of package-lock.json when a registry mirror does not serve
// them for platforms other than its own: without their entries `npm ci` refuses the lock file. Run it after `npm install`.
import { readFileSync, writeFileSync } from 'node:fs';

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

let added = 0;
for (const [folder, { optionalDependencies = {}, dev, license }] of Object.entries(packages))
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const parts = name.split('/').at(-1).split('-');
    const os = systems.find((system) => parts.includes(system));
    const cpu = processors.find((processor) => parts.includes(processor));
    if (!os || !cpu || !/^\d+\.\d+\.\d+/.test(version) || isLocked(folder, name)) continue;
    packages[`node_modules/${name}`] = { version, cpu: [cpu], ...(dev && { dev }), license, optional: true, os: [os] };
    added++;
  }
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} platform packages added to ${file}`);
