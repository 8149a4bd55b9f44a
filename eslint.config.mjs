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
  { sourceTag: 'type:train', onlyDependOnLibsWithTags: ['type:core'] },
  {
    sourceTag: 'type:eval',
    onlyDependOnLibsWithTags: ['type:core', 'type:method', 'type:host', 'type:backend', 'type:data', 'type:train'],
  },
  { sourceTag: 'type:app', onlyDependOnLibsWithTags: ['*'] },
  { sourceTag: 'type:tool', onlyDependOnLibsWithTags: ['*'] },
];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'runs/**', '.nx/**', '**/goldens/**', 'tools/consumer/project/**'] },
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
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: false,
          allowCircularSelfDependency: true,
          allow: ['../../tools/**', '../../../tools/**', '../../../../tools/**'],
          depConstraints: boundaries,
        },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-require-imports': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    // Rule 10 of the contract: these run in a browser as they are.
    files: ['packages/{peft-core,prefix,subspace}/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['node:*', 'fs', 'path', 'os'] }],
      'no-restricted-globals': ['error', 'process', 'Buffer', 'window', 'document', '__dirname', 'require'],
    },
  },
);
