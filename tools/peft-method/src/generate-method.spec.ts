import { execFileSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { logger, readJson, type Tree, workspaceRoot } from '@nx/devkit';
import { FsTree } from 'nx/src/generators/tree.js';
import { generateMethod } from './generate-method.js';

/** This repository as a tree: what a generator writes stays in memory. */
const repository = (): Tree => new FsTree(workspaceRoot, false);
const generate = async (name: string, tree = repository()) => {
  const finish = await generateMethod(tree, { name, skipInstall: true });
  const changes = tree.listChanges().map(({ path, type }) => `${type} ${path}`);
  return { tree, finish, changes: changes.sort() };
};
const textOf = (tree: Tree, path: string) => tree.read(path, 'utf8')!;

describe('generateMethod', () => {
  let generated: Awaited<ReturnType<typeof generate>>;
  beforeAll(async () => {
    generated = await generate('output-tuning');
  });

  it('writes a package and a docs page, and registers the method', () => {
    const { tree, changes } = generated;
    expect(changes).toEqual([
      'CREATE docs/output-tuning.md',
      'CREATE packages/output-tuning/LICENSE',
      'CREATE packages/output-tuning/README.md',
      'CREATE packages/output-tuning/jest.config.cjs',
      'CREATE packages/output-tuning/package.json',
      'CREATE packages/output-tuning/src/config.ts',
      'CREATE packages/output-tuning/src/index.ts',
      'CREATE packages/output-tuning/src/output-tuning.spec.ts',
      'CREATE packages/output-tuning/src/output-tuning.ts',
      'CREATE packages/output-tuning/tsconfig.json',
      'CREATE packages/output-tuning/tsup.config.ts',
      'UPDATE README.md',
      'UPDATE packages/eval/package.json',
      'UPDATE packages/eval/src/methods/definitions.ts',
      'UPDATE packages/eval/src/methods/presets.ts',
    ]);
    const created = tree.listChanges().filter(({ type }) => type === 'CREATE');
    for (const { path } of created) expect(textOf(tree, path)).not.toMatch(/my-?method|MY_METHOD/i);
    expect(textOf(tree, 'packages/output-tuning/src/output-tuning.ts')).toContain("type: 'OUTPUT_TUNING'");
    expect(textOf(tree, 'packages/output-tuning/src/index.ts')).toContain('outputTuning, outputTuningDefinition');
    expect(textOf(tree, 'docs/output-tuning.md')).toMatch(/^# Output tuning\n/);
  });

  it('takes versions from the other packages', () => {
    const { tree } = generated;
    const core = readJson(tree, 'packages/peft-core/package.json');
    const ia3 = readJson(tree, 'packages/ia3/package.json');
    const manifest = readJson(tree, 'packages/output-tuning/package.json');
    expect(manifest).toEqual({ ...ia3, name: '@tfjs-peft/output-tuning', description: manifest.description });
    expect(readJson(tree, 'packages/eval/package.json').dependencies['@tfjs-peft/output-tuning']).toBe(core.version);
  });

  it('changes single lines of other files', () => {
    const { tree } = generated;
    const linesAdded = (path: string) => {
      const before = new Set(textOf(repository(), path).split('\n'));
      return textOf(tree, path)
        .split('\n')
        .filter((line) => !before.has(line));
    };
    expect(linesAdded('packages/eval/src/methods/definitions.ts')).toEqual([
      "import { outputTuningDefinition } from '@tfjs-peft/output-tuning';",
      '  outputTuningDefinition,',
    ]);
    expect(linesAdded('packages/eval/src/methods/presets.ts').map((line) => line.trim())).toEqual([
      "'output-tuning',",
      "'scales on the outputs of queries and values',",
      "[{ type: 'OUTPUT_TUNING', config: { initialStandardDeviation: 0.02 } }],",
    ]);
    expect(linesAdded('README.md')).toContainEqual(
      expect.stringMatching(/^\| \[`output-tuning`\]\(packages\/output-tuning\) +\| scales/),
    );
  });

  it.each([
    ['MyMethod', /kebab-case/],
    ['my_method', /kebab-case/],
    ['../outside', /kebab-case/],
    ['-x', /kebab-case/],
    ['', /kebab-case/],
    ['a'.repeat(41), /at most 40/],
    ['lora', /packages\/lora exists already/],
    ['architecture', /docs\/architecture\.md exists already/],
    ['prefix-tuning', /'PREFIX_TUNING' is in use in packages\//],
    ['dora', /'dora' is in use in packages\//],
    ['lora-subspace', /"-subspace"/],
    ['enum', /"enum" has a meaning/],
    ['config', /"config" has a meaning/],
  ])('refuses the name "%s"', async (name, message) => {
    const tree = repository();
    await expect(generate(name, tree)).rejects.toThrow(message);
    expect(tree.listChanges()).toEqual([]);
  });

  it('says which file it no longer fits to', async () => {
    const tree = repository();
    tree.write('README.md', '# Another one\n');
    await expect(generate('output-tuning', tree)).rejects.toThrow(/README\.md: expected .* once/);
  });

  it('says what is left to do', async () => {
    const said: string[] = [];
    const info = logger.info;
    logger.info = (text: string) => said.push(text);
    try {
      await generated.finish();
    } finally {
      logger.info = info;
    }
    expect(said.join()).toContain('npm install && node tools/ci/complete-lock-file.mjs');
    expect(said.join()).toContain('--selectProjects output-tuning');
  });
});

describe('npx nx g @tfjs-peft/tools:peft-method', () => {
  it('runs from TypeScript sources; a dry run writes nothing', () => {
    const args = ['nx', 'g', '@tfjs-peft/tools:peft-method', 'output-tuning', '--dry-run', '--no-interactive'];
    const env = { ...process.env, NX_DAEMON: 'false', NODE_OPTIONS: '' };
    const printed = execFileSync('npx', ['--no-install', ...args], {
      cwd: workspaceRoot,
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const plain = stripVTControlCharacters(printed);
    expect(plain).toContain('CREATE packages/output-tuning/src/output-tuning.ts');
    expect(plain).toContain('UPDATE packages/eval/src/methods/definitions.ts');
    expect(repository().exists('packages/output-tuning')).toBe(false);
  });
});
