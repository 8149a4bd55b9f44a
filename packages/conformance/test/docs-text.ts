import { conformanceChecks } from '../src/index.js';
import { defaultTolerances } from '../src/options.js';

const tolerances: Readonly<Record<keyof typeof defaultTolerances, string>> = {
  identity: 'the host with initial values against the bare host; 0 for a start that must be exact',
  effect: 'the least change that counts as an effect',
  perExample: 'a batch with parameters for each example against single runs',
  padding: 'an example beside longer ones against the example alone',
  merge: 'the merged host against host and adapter',
  combine: 'a combination with weights 1 and 0 against the first adapter',
  order: 'two orders of a composition',
  rows: '`runRows` against a run for each adapter',
  simplex: 'points of a simplex against the method at these points',
  files: 'a loaded adapter, or one built from its description, against the saved one',
  gradient: 'gradients against central differences, relative to the larger of the two',
};

/** docs/conformance.md. */
export const docsText = (): string => `# The conformance kit

\`@tfjs-peft/conformance\` checks a method, whoever wrote it, against the contract in [architecture.md](architecture.md). How to call it from
Jest, Vitest, node:test or without a framework: [packages/conformance](../packages/conformance/README.md).

Each check is one function of a method and a host, in \`packages/conformance/src/checks\`, and proves that it can fail: it also runs on the same
method broken on purpose, in each of the ways of the last column, and must say what is wrong. A control that goes unnoticed is reported as
\`control did not fail\`, which counts as failed. Controls that make no sense for a method (a batch axis that it does not have) are left out.

This page is written by \`npm run docs -w @tfjs-peft/conformance\` from the checks themselves.

## Checks

${table(
  ['check', 'what must hold', 'negative controls: a method that …'],
  conformanceChecks.map(({ name, claim, controls }) => [
    `\`${name}\``,
    claim,
    controls.map(({ breaks }) => breaks).join('; '),
  ]),
)}

## Tolerances

Distances are largest absolute differences, relative to max(1, the largest number of what is expected). All can be set in \`tolerances\`.

${table(
  ['tolerance', 'default', 'bounds'],
  Object.entries(tolerances).map(([name, text]) => [
    `\`${name}\``,
    String(defaultTolerances[name as keyof typeof tolerances]),
    text,
  ]),
)}

Comparisons without a tolerance are to the bit: evaluation twice, initial values, a simplex of one vertex, the host after training and merging,
files saved twice (methods that store whole values, differences plus the host's own, only up to rounding).

## How it is done

- **Learned parameters.** Most checks do not use initial values, where a zero factor hides what the rest does, but initial values plus N(0, 0.3).
- **Gradients.** Of a random linear function of the logits, plus the method's penalty and through its objective, in a training pass with fixed
  streams; along a random direction of each trainable parameter, at the entry with the largest gradient and at a random one; steps 1e-2, 3e-3
  and 1e-3 in turn; one of the two must agree: kinks of ReLUs disturb one, a wrong gradient all.
- **A batch axis.** Three examples with three sets of parameters in one batch, against three batches of one.
- **Rows of a simplex.** A method that does nothing rides along in the composition and notes the coefficients that it is given, so that the
  check need not know how a simplex draws.
- **Tensors.** Each check runs in a scope of its own that frees what it made. Scopes are a stack: run nothing else that makes tensors meanwhile.
`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const [first, ...others] = all;
  return [line(first!), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n');
}
