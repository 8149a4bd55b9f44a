import { readdirSync } from 'node:fs';

const packages = readdirSync(new URL('packages', import.meta.url));

/** The reference of all public names, in docs/api (`npm run docs:api`). A public name without a doc comment, or a dead link in one, is an error. */
export default {
  name: 'tfjs-peft',
  entryPoints: packages.map((name) => `packages/${name}/src/index.ts`),
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
