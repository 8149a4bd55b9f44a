/** Rules for imports that ESLint has none for: no circle of files, types included. */
module.exports = {
  forbidden: [
    {
      name: 'no-circle',
      severity: 'error',
      comment:
        'Files that import one another in a circle can only be read together: move what both need into a third one.',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['\\.spec\\.ts$', '/dist/', '/goldens/', 'template-(inside|outside)'] },
    // Circles of types count as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@tfjs-peft/source', 'import', 'node', 'default'],
    },
  },
};
