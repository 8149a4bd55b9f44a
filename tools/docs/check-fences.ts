// Typechecks every TypeScript fence of every README and of docs/, each as a module of its own, against the sources of this repository. Exit code 1 if
// one fails. A fence that leaves out declarations has them in a comment `<!-- given: … -->` above it, one that is no program a comment
// `<!-- sketch: why -->`.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { type Fence, readFences } from './fences.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, '.cache', 'fences');

const markdownBelow = (place: string): string[] =>
  readdirSync(join(root, place), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !/(^|[/\\])(node_modules|dist|goldens|model)[/\\]/.test(name))
    .map((name) => join(place, name));

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...['docs', 'packages', 'tools'].flatMap(markdownBelow),
];
const fences = documents.flatMap((file) => readFences(readFileSync(join(root, file), 'utf8'), file));
const programs = fences.filter(({ sketch }) => sketch === null);

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const byPath = new Map<string, Fence & { readonly shift: number }>();
for (const [index, fence] of programs.entries()) {
  const path = join(folder, `${index}.ts`);
  const head = fence.given === '' ? '' : `${fence.given}\n`;
  writeFileSync(path, `${head}${fence.code}\nexport {};\n`);
  byPath.set(path, { ...fence, shift: head.split('\n').length - 1 });
}

const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile) as {
  config: { compilerOptions: object };
};
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
// An example may name what it does not use.
const program = ts.createProgram([...byPath.keys()], { ...options, noEmit: true, noUnusedLocals: false });
const failures = ts.getPreEmitDiagnostics(program).flatMap(({ file, start = 0, messageText }) => {
  const fence = file && byPath.get(join(file.fileName));
  if (!fence) return [];
  const line = fence.line + file.getLineAndCharacterOfPosition(start).line - fence.shift;
  return [
    {
      fence,
      text: `${relative(root, join(root, fence.file))}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ').slice(0, 200)}`,
    },
  ];
});
rmSync(folder, { recursive: true, force: true });

for (const { text } of failures) process.stderr.write(`${text}\n`);
const failed = new Set(failures.map(({ fence }) => fence)).size;
process.stdout.write(
  `${fences.length} fences in ${new Set(fences.map(({ file }) => file)).size} documents: ${programs.length - failed} typecheck, ${failed} fail, ` +
    `${fences.length - programs.length} are sketches\n`,
);
process.exitCode = failed > 0 ? 1 : 0;
