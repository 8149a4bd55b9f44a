import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { workspaceRoot } from '@nx/devkit';

export interface TemplateFile {
  /** Relative to the template, without the ending `.template`, with `/`. */
  readonly path: string;
  readonly text: string;
}

const templateFolder = (kind: 'inside' | 'outside'): string =>
  join(workspaceRoot, 'tools', 'peft-method', `template-${kind}`);

/**
 * The files of a template: `outside` is a package of its own, ready to be copied; `inside` is what a package of this repository has
 * besides the method's own sources.
 */
export const readTemplate = (kind: 'inside' | 'outside'): TemplateFile[] => readFolder(templateFolder(kind), '');

const readFolder = (root: string, folder: string): TemplateFile[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !['node_modules', 'dist', 'runs', 'package-lock.json'].includes(name))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return readFolder(root, path);
      return [{ path: path.replace(/\.template$/, ''), text: readFileSync(join(root, path), 'utf8') }];
    });
