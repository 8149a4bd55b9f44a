// Typechecks every TypeScript fence of every README and of docs/, each as a module of its own, against the sources of this repository. Exit code 1 if
// one fails. A fence that leaves out declarations has them in a comment `<!-- given: … -->` above it; one that imports files beside it names one of
// them in `<!-- file: … -->` or `<!-- beside: … -->`; one that is no program says so in `<!-- sketch: why -->`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documents } from './documents.js';
import { readFences } from './fences.js';
import { typecheckFences } from './typecheck-fences.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const fences = documents(root).flatMap((file) => readFences(readFileSync(join(root, file), 'utf8'), file));
const programs = fences.filter(({ sketch }) => sketch === null);
const failures = typecheckFences(programs, root);

for (const { fence, line, message } of failures) process.stderr.write(`${fence.file}:${line} ${message}\n`);
const failed = new Set(failures.map(({ fence }) => fence)).size;
process.stdout.write(
  `${fences.length} fences in ${new Set(fences.map(({ file }) => file)).size} documents: ${programs.length - failed} typecheck, ${failed} fail, ` +
    `${fences.length - programs.length} are sketches\n`,
);
process.exitCode = failed > 0 ? 1 : 0;
