// `prepack` of every package: without a build `npm pack` and `npm publish` would make a package without code, and say nothing. This repository
// runs no scripts unless asked to (.npmrc), so both need `--ignore-scripts=false`.
import { existsSync, readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
/** Paths that a consumer reaches; those of the condition for sources stay in the repository. */
const pathsOf = (value, key) =>
  typeof value === 'string'
    ? key === '@tfjs-peft/source'
      ? []
      : [value]
    : Object.entries(value ?? {}).flatMap(([inner, entry]) => pathsOf(entry, inner));
const { exports, bin, main, module, types, files = [] } = manifest;
const wanted = [...pathsOf(exports), ...pathsOf(bin), ...pathsOf({ main, module, types, ...files })];
const missing = wanted.filter((path) => path !== undefined && !existsSync(path.replace(/\*.*$/, '')));
if (missing.length > 0) {
  console.error(`${manifest.name} lacks ${[...new Set(missing)].join(', ')}. Run npm run build first.`);
  process.exitCode = 1;
}
