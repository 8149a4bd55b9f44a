const { existsSync, readdirSync } = require('node:fs');

const projects = ['packages', 'tools', 'apps']
  .flatMap((group) => readdirSync(`${__dirname}/${group}`).map((folder) => `${group}/${folder}`))
  .concat('examples')
  .filter((folder) => existsSync(`${__dirname}/${folder}/jest.config.cjs`));

// Jest leaves one core to its own process otherwise, which does next to nothing. The limit of a test is there for one that hangs: no test is about time.
module.exports = { projects: projects.map((folder) => `<rootDir>/${folder}`), testTimeout: 600000, maxWorkers: '100%' };
