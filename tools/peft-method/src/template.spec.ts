import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { describePeftMethod } from '@tfjs-peft/conformance';
import { readJson, workspaceRoot } from '@nx/devkit';
import { FsTree } from 'nx/src/generators/tree.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { myMethod, myMethodDefinition, plugin } from '../template-outside/src/index.js';
import { insertFiles } from './insert-files.js';

useTestBackend();

describePeftMethod('the method of the templates', () => myMethod(), {
  definitions: [myMethodDefinition],
  identityAtStart: true,
  mergeable: true,
});

describe('the template of a package outside', () => {
  it('names a preset for the method and one for a simplex over it', () => {
    expect(plugin.presets.map(({ name, method }) => [name, method.type])).toEqual([
      ['my-method', 'COMPOSE'],
      ['my-method-subspace', 'SUBSPACE'],
    ]);
  });

  it('wants the versions of this repository', () => {
    const tree = new FsTree(workspaceRoot, false);
    const { dependencies, devDependencies, peerDependencies } = readJson(
      tree,
      'tools/peft-method/template-outside/package.json',
    );
    const core = readJson(tree, 'packages/peft-core/package.json');
    expect(dependencies).toEqual({ zod: core.dependencies.zod });
    // A second copy of the contract's package would be another contract: it is a peer.
    expect(peerDependencies).toEqual({ ...core.peerDependencies, '@tfjs-peft/peft-core': `^${core.version}` });
    for (const name of ['cli', 'conformance', 'eval', 'peft-core'])
      expect(devDependencies[`@tfjs-peft/${name}`]).toBe(`^${core.version}`);
  });

  it('is in docs/write-a-method.md as it is', () => {
    const page = readFileSync(`${workspaceRoot}/docs/write-a-method.md`, 'utf8');
    expect(insertFiles(page, (path) => readFileSync(`${workspaceRoot}/${path}`, 'utf8'))).toBe(page);
  });
});

describe('insertFiles', () => {
  it('puts files into the code blocks that name them', () => {
    const page = 'a\n\n<!-- file: x/y.ts -->\n\n```ts\nold\n```\n\n```ts\nother\n```\n';
    expect(insertFiles(page, (path) => `// ${path}\n`)).toBe(page.replace('old', '// x/y.ts'));
  });
});
