import { execFileSync } from 'node:child_process';
import { formatFiles, type GeneratorCallback, logger, type Tree } from '@nx/devkit';
import { checkName } from './check-name.js';
import { type MethodNames, methodNames, renameMethod } from './method-names.js';
import { readTemplate } from './read-template.js';
import { completeManifest, registerMethod } from './register-method.js';

export interface GenerateMethodOptions {
  /** In kebab-case. */
  readonly name: string;
  /** Leaves `npm install` to the caller. */
  readonly skipInstall?: boolean;
}

/**
 * `nx g @tfjs-peft/tools:peft-method <name>`: writes packages/<name> and docs/<name>.md, a method that works, and registers it. The result
 * links the package into node_modules.
 */
export async function generateMethod(tree: Tree, options: GenerateMethodOptions): Promise<GeneratorCallback> {
  const names = methodNames(options.name);
  checkName(names, tree);
  const folder = `packages/${names.kebab}`;
  for (const { path, text } of readTemplate('inside'))
    tree.write(path === 'docs-page.md' ? `docs/${names.kebab}.md` : `${folder}/${path}`, text);
  for (const { path, text } of readTemplate('outside'))
    if (methodSources.includes(path)) tree.write(`${folder}/${path}`, text);
  renameNewFiles(tree, names);
  tree.write(`${folder}/LICENSE`, tree.read('LICENSE', 'utf8') ?? '');
  completeManifest(names, tree);
  registerMethod(names, tree);
  await formatFiles(tree);
  return () => finish(names, options);
}

/** What a package of this repository shares with one outside. */
const methodSources = ['src/config.ts', 'src/my-method.ts'];

function renameNewFiles(tree: Tree, names: MethodNames): void {
  for (const { path, type, content } of tree.listChanges()) {
    if (type !== 'CREATE' || content === null) continue;
    tree.delete(path);
    tree.write(renameMethod(path, names), renameMethod(content.toString('utf8'), names));
  }
}

function finish({ kebab, title }: MethodNames, { skipInstall }: GenerateMethodOptions): void {
  const commands = [
    ['npm', 'install'],
    ['node', 'tools/ci/complete-lock-file.mjs'],
  ] as const;
  if (!skipInstall)
    for (const [command, ...args] of commands)
      execFileSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' });
  logger.info(`
${title} is in packages/${kebab}.${skipInstall ? `\nLink it:   ${commands.map((words) => words.join(' ')).join(' && ')}` : ''}
Test it:   npm run test:all -- --selectProjects ${kebab}
Try it:    npx tfjs-peft run --task spam-subjects --methods head,${kebab},${kebab}-subspace
Make it yours: packages/${kebab}/src/${kebab}.ts and docs/${kebab}.md`);
}
