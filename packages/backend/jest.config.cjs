module.exports = {
  displayName: 'backend',
  preset: '../../jest.preset.cjs',
  testEnvironment: '../../tools/jest/tensor-environment.cjs',
};
