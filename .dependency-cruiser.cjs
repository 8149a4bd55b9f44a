/**
 * Rules for imports that ESLint has none for: no circle of files, types included, and folders that stand on one another like the steps of
 * a stair. Specs may look anywhere.
 */

/** Folders of `root`, lowest step first: each may import those of lower steps, never one beside or above it, and never the public entries on top. */
const stairs = (root, steps) =>
  steps.flatMap((step, height) =>
    step.map((folder) => {
      const others = steps
        .slice(height)
        .flat()
        .filter((other) => other !== folder);
      const above = [...others.map((other) => `${other}/`), 'exports/', 'index\\.ts$'];
      return {
        name: `stairs-of-${root.split('/')[1]}`,
        severity: 'error',
        comment: `${folder} lies beside or below ${others.join(', ')} (docs/architecture.md): move what both need further down.`,
        from: { path: `^${root}/${folder}/` },
        to: { path: `^${root}/(${above.join('|')})` },
      };
    }),
  );

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
    ...stairs('packages/peft-core/src', [['json'], ['safetensors'], ['files']]),
    ...stairs('packages/transformer/src', [
      ['kernels', 'tokenizer', 'hub'],
      ['architecture'],
      ['weights'],
      ['model'],
      ['encoder', 'decoder'],
      ['mlm', 'generate'],
      ['load'],
      ['save'],
    ]),
    ...stairs('packages/train/src', [
      ['objectives', 'optimisers'],
      ['batches'],
      ['evaluate', 'step'],
      ['probe', 'run'],
    ]),
    ...stairs('packages/ntk/src', [['gradients'], ['solve', 'linearise'], ['compare']]),
    ...stairs('packages/eval/src', [
      ['run-folder', 'methods', 'statistics', 'processes'],
      ['config'],
      ['records'],
      ['trial', 'report'],
      ['experiment', 'predict', 'kernel', 'prepared'],
      ['deploy', 'grid', 'analysis'],
      ['sweep'],
    ]),
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
