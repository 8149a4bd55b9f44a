const { existsSync, readdirSync } = require('node:fs');

const projects = ['packages', 'tools'].flatMap((group) =>
  readdirSync(`${__dirname}/${group}`)
    .map((folder) => `${group}/${folder}`)
    .filter((folder) => existsSync(`${__dirname}/${folder}/jest.config.cjs`)),
);

module.exports = { projects: projects.map((folder) => `<rootDir>/${folder}`), testTimeout: 60000 };
