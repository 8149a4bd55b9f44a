import { existsSync, readdirSync } from 'node:fs';

const packages = readdirSync(new URL('packages', import.meta.url));
/** `src/index.ts`, and `src/exports/NAME.ts` for each subpath. */
const entriesOf = (name) => {
  const subpaths = new URL(`packages/${name}/src/exports`, import.meta.url);
  const files = existsSync(subpaths) ? readdirSync(subpaths) : [];
  return [`packages/${name}/src/index.ts`, ...files.map((file) => `packages/${name}/src/exports/${file}`)];
};

/** The reference of all public names, in docs/api (`npm run docs:api`). A public name without a doc comment, or a dead link in one, is an error. */
export default {
  name: 'tfjs-peft',
  entryPoints: packages.flatMap(entriesOf),
  tsconfig: 'tsconfig.json',
  out: 'docs/api',
  readme: 'none',
  disableSources: true,
  // `npm run typecheck` does that.
  skipErrorChecking: true,
  validation: { notExported: false, invalidLink: true, rewrittenLink: false, notDocumented: true },
  packagesRequiringDocumentation: packages.map((name) => `@tfjs-peft/${name}`),
  requiredToBeDocumented: ['Class', 'Function', 'Interface', 'TypeAlias', 'Variable'],
  treatValidationWarningsAsErrors: true,
};
