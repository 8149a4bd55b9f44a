module.exports = {
  projects: ['<rootDir>/packages/*/jest.config.cjs', '<rootDir>/tools/*/jest.config.cjs'],
};
