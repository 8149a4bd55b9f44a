import { readdirSync, readFileSync } from 'node:fs';
import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

/** Which kind of package may import which; arrows point one way (docs/architecture.md). */
const boundaries = [
  { sourceTag: 'type:core', onlyDependOnLibsWithTags: ['type:core'] },
  { sourceTag: 'type:method', onlyDependOnLibsWithTags: ['type:core'] },
  { sourceTag: 'type:host', onlyDependOnLibsWithTags: ['type:core'] },
  { sourceTag: 'type:backend', onlyDependOnLibsWithTags: ['type:core'] },
  { sourceTag: 'type:data', onlyDependOnLibsWithTags: ['type:core', 'type:data'] },
  { sourceTag: 'type:export', onlyDependOnLibsWithTags: ['type:core', 'type:host'] },
  { sourceTag: 'type:train', onlyDependOnLibsWithTags: ['type:core'] },
  { sourceTag: 'type:meta', onlyDependOnLibsWithTags: ['type:core', 'type:train'] },
  { sourceTag: 'type:kernel', onlyDependOnLibsWithTags: ['type:core', 'type:train'] },
  {
    sourceTag: 'type:eval',
    onlyDependOnLibsWithTags: [
      'type:core',
      'type:method',
      'type:host',
      'type:export',
      'type:backend',
      'type:data',
      'type:train',
      'type:meta',
      'type:kernel',
    ],
  },
  { sourceTag: 'type:kit', onlyDependOnLibsWithTags: ['type:core', 'type:method', 'type:host'] },
  { sourceTag: 'type:app', onlyDependOnLibsWithTags: ['*'] },
  { sourceTag: 'type:tool', onlyDependOnLibsWithTags: ['*'] },
];

const boundaryOptions = (depConstraints) => ({
  enforceBuildableLibDependency: false,
  allowCircularSelfDependency: true,
  allow: ['../../tools/**', '../../../tools/**', '../../../../tools/**', '../../../examples/data/*'],
  depConstraints,
});
/** What specs may use as well: those of methods the conformance kit and hosts, those of exporters methods, those of training hosts, those of eval the kit, those of meta-learning and kernels methods on hosts. */
const alsoInSpecs = {
  'type:method': ['type:kit', 'type:host'],
  'type:export': ['type:method'],
  'type:train': ['type:host'],
  'type:eval': ['type:kit'],
  'type:meta': ['type:method', 'type:host'],
  'type:kernel': ['type:method', 'type:host', 'type:train'],
};
const specBoundaries = boundaries.map((rule) => ({
  ...rule,
  onlyDependOnLibsWithTags: [...rule.onlyDependOnLibsWithTags, ...(alsoInSpecs[rule.sourceTag] ?? [])],
}));

/** Packages that run in a browser as they are (rule 10 of the contract): the contract itself, all methods, kernels. */
const browserPackages = readdirSync('packages').filter((name) => {
  const { nx } = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'));
  return ['type:core', 'type:method', 'type:kernel'].some((tag) => nx.tags.includes(tag));
});

/** A named import brings all of zod into a page: 124 instead of 59 kB for a simplex of prefixes. */
const wholeZod = {
  selector: "ImportDeclaration[source.value='zod'] > ImportSpecifier",
  message: "Write: import * as z from 'zod'",
};

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '**/.cache/**',
      'runs/**',
      'fuzz-findings/**',
      '.nx/**',
      '**/goldens/**',
      'tools/consumer/project/**',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.mts', '**/*.mjs', '**/*.js', '**/*.cjs'],
    plugins: { '@nx': nx },
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        performance: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        fetch: 'readonly',
        TextDecoder: 'readonly',
        TextEncoder: 'readonly',
        require: 'readonly',
        module: 'writable',
        __dirname: 'readonly',
      },
    },
    rules: {
      '@nx/enforce-module-boundaries': ['error', boundaryOptions(boundaries)],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-require-imports': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': ['error', wholeZod],
    },
  },
  {
    files: ['packages/*/src/**/*.spec.ts', 'packages/*/test/**/*.ts'],
    rules: { '@nx/enforce-module-boundaries': ['error', boundaryOptions(specBoundaries)] },
  },
  {
    files: browserPackages.map((name) => `packages/${name}/src/**/*.ts`),
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['node:*', 'fs', 'path', 'os'] }],
      'no-restricted-globals': ['error', 'process', 'Buffer', 'window', 'document', '__dirname', 'require'],
    },
  },
);
