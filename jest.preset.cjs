/** One preset for every package: TypeScript through swc as native ESM, workspace packages from their sources. */
module.exports = {
  testEnvironment: `${__dirname}/tools/jest/tensor-environment.cjs`,
  testEnvironmentOptions: { customExportConditions: ['@tfjs-peft/source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['**/*.spec.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
};
