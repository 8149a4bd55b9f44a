import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Fence } from './fences.js';

/** What the compiler says of a fence, at a line of its document. */
export interface FenceFailure {
  readonly fence: Fence;
  readonly line: number;
  readonly message: string;
}

/**
 * Typechecks fences, each as a module of its own, against the sources of the repository at `root`. Nothing is written: the compiler reads
 * the modules from memory, beside the file that a fence names or else beside this one.
 */
export function typecheckFences(fences: readonly Fence[], root: string): FenceFailure[] {
  const modules = new Map(
    fences.map((fence, index) => {
      const head = fence.given === '' ? '' : `${fence.given}\n`;
      const path = join(root, dirname(fence.beside ?? 'tools/docs/here'), `fence-${index}.ts`);
      return [path, { fence, text: `${head}${fence.code}\nexport {};\n`, shift: head.split('\n').length - 1 }];
    }),
  );
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  // An example may name what it does not use.
  const chosen = { ...options, noEmit: true, noUnusedLocals: false };
  const disk = ts.createCompilerHost(chosen);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (path) => modules.has(join(path)) || disk.fileExists(path),
    readFile: (path) => modules.get(join(path))?.text ?? disk.readFile(path),
    getSourceFile: (path, version, ...rest) => {
      const text = modules.get(join(path))?.text;
      return text === undefined ? disk.getSourceFile(path, version, ...rest) : ts.createSourceFile(path, text, version);
    },
  };
  const program = ts.createProgram([...modules.keys(), join(root, 'tools/docs/not-installed.d.ts')], chosen, host);
  // The packages themselves are checked by `npm run typecheck`.
  return [...modules].flatMap(([path, { fence, shift }]) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ start = 0, messageText }) => ({
        fence,
        line: fence.line + (file?.getLineAndCharacterOfPosition(start).line ?? 0) - shift,
        message: ts.flattenDiagnosticMessageText(messageText, ' ').slice(0, 200),
      }),
    );
  });
}
