import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The Markdown files of the repository at `root` that people read, relative to it; what is generated or comes with data is left out. */
export function documents(root: string): string[] {
  const below = (place: string) =>
    existsSync(join(root, place))
      ? readdirSync(join(root, place), { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.md') && !/(^|[/\\])(node_modules|dist|goldens|model|api)[/\\]/.test(name))
          .map((name) => join(place, name))
      : [];
  return ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...['docs', 'examples', 'packages', 'tools'].flatMap(below)];
}
