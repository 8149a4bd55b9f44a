// `unit`: specs beside their sources, which `npm test` runs; `integration`: those in `test` folders, of several packages together; both by default.
const { TFJS_PEFT_TESTS: kind = 'all' } = process.env;

/** One preset for every package: TypeScript through swc as native ESM, workspace packages from their sources. */
module.exports = {
  testEnvironment: `${__dirname}/tools/jest/tensor-environment.cjs`,
  testEnvironmentOptions: { customExportConditions: ['@tfjs-peft/source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: [kind === 'integration' ? '<rootDir>/test/**/*.spec.ts' : '**/*.spec.ts'],
  testPathIgnorePatterns: kind === 'unit' ? ['/node_modules/', '<rootDir>/test/'] : ['/node_modules/'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
};
