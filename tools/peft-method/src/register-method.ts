import { readJson, type Tree, updateJson, writeJson } from '@nx/devkit';
import type { MethodNames } from './method-names.js';

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

/** Gives the new package the versions that the others have. */
export function completeManifest({ kebab }: MethodNames, tree: Tree): void {
  const core = readJson<Manifest>(tree, 'packages/peft-core/package.json');
  updateJson<Manifest>(tree, `packages/${kebab}/package.json`, (manifest) => ({
    ...manifest,
    version: core.version,
    dependencies: { '@tfjs-peft/peft-core': core.version, zod: core.dependencies.zod! },
    peerDependencies: core.peerDependencies,
    devDependencies: { '@tfjs-peft/conformance': core.version },
  }));
}

/** Makes the method known: to experiments and the command, by type and as a preset, and to readers of the README. */
export function registerMethod({ kebab, camel, type }: MethodNames, tree: Tree): void {
  const evalManifest = 'packages/eval/package.json';
  const manifest = readJson<Manifest>(tree, evalManifest);
  const dependencies = { ...manifest.dependencies, [`@tfjs-peft/${kebab}`]: manifest.version };
  const sorted = Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeJson(tree, evalManifest, { ...manifest, dependencies: sorted });

  const definitions = 'packages/eval/src/methods/definitions.ts';
  insertBefore(
    tree,
    definitions,
    "import { noiseDefinition, subspaceDefinition } from '@tfjs-peft/subspace';\n",
    `import { ${camel}Definition } from '@tfjs-peft/${kebab}';\n`,
  );
  insertBefore(tree, definitions, '] as unknown as readonly MethodDefinition[];', `  ${camel}Definition,\n`);
  insertBefore(
    tree,
    'packages/eval/src/methods/presets.ts',
    "  ['full', 'full fine-tuning",
    `  ['${kebab}', 'scales on the outputs of queries and values', [{ type: '${type}', config: { initialStandardDeviation: 0.02 } }], 1e-2],\n`,
  );
  insertBefore(
    tree,
    'README.md',
    '| [`subspace`](packages/subspace) ',
    `| [\`${kebab}\`](packages/${kebab}) | scales on the outputs of queries and values |\n`,
  );
}

/** Throws where the place is not there, or there more than once: the file has changed, and this generator must follow it. */
function insertBefore(tree: Tree, path: string, place: string, text: string): void {
  const [before, after, ...more] = (tree.read(path, 'utf8') ?? '').split(place);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`${path}: expected "${place.trim()}" once. Correct tools/peft-method/src/register-method.ts.`);
  tree.write(path, `${before}${text}${place}${after}`);
}
