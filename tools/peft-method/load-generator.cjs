// Nx loads generators by `require`. This runs the TypeScript sources without a build, on Node 20 as well, which cannot strip types itself.
const { require: requireTypeScript } = require('tsx/cjs/api');

module.exports = requireTypeScript(`${__dirname}/src/generate-method.ts`, __dirname);
