import { disposeParameters, type EncodedText, PeftError, toParameters } from '@tfjs-peft/peft-core';
import { getParameter, trainableNames } from '@tfjs-peft/peft-core/authoring';
import { bytesOf, disposePiece, type Piece } from './blocks.js';
import type { PlacedText } from './collect.js';
import type { Gram, GramRequest } from './gram-request.js';
import { gatherProducts } from './gather-products.js';
import type { KernelKind } from './kernel-kinds.js';
import { contrastsOf, type Question, splitByWay } from './question.js';

/** One kind of {@link gradientGrams}. */
export async function gradientGram(request: GramRequest & { readonly kind?: KernelKind }): Promise<Gram> {
  const { kind = 'sgd' } = request;
  return (await gradientGrams({ ...request, kinds: [kind] })).get(kind)!;
}

/**
 * Kernels of gradients, several kinds from the same passes. No dropout. Of affine maps and tables of the host no gradient is formed for `sgd`; for signs
 * a few at a time are. Products are of single precision; all sums over tensors are of double precision.
 *
 * Memory: the gradients of rows up to `memoryLimit`, those of one batch of columns, and what a backward pass of one batch needs.
 * Errors: `KERNEL_OUTPUTS_INVALID`, `KERNEL_SCOPE_EMPTY`, `KERNEL_SCOPE_UNSUPPORTED`, `KERNEL_MEMORY_TOO_SMALL`, `KERNEL_NOT_FINITE`, `KERNEL_ABORTED`,
 * `TEXT_EMPTY`, `OPTION_INVALID`, `PARAMETER_MISSING`, those of the method and the host.
 */
export async function gradientGrams(
  request: GramRequest & { readonly kinds: readonly KernelKind[] },
): Promise<ReadonlyMap<KernelKind, Gram>> {
  const { host, method, rows, columns, batchSize = 32, memoryLimit = 2 ** 30 } = request;
  checkOptions(request);
  const contrasts = contrastsOf(method, request.contrasts);
  const raw = toParameters(request.parameters);
  try {
    const names = trainableNames(method.plan(host.spec)).filter(request.scope ?? (() => true));
    names.forEach((name) => getParameter(raw, name));
    const tensors = request.tensors ?? [];
    if (names.length + tensors.length === 0)
      throw new PeftError('KERNEL_SCOPE_EMPTY', {
        found: 'a scope without a single parameter',
        expected: 'at least one parameter of the method or one tensor of the host',
        fix: 'look at `scope` and `tensors`',
      });
    const { tied } = request;
    const ways = splitByWay({ host, method, raw }, names, request.way ?? 'auto');
    if (tied && !(ways.axis.includes(tied.parameter) && tensors.some(({ path }) => path === tied.table)))
      throw new PeftError('KERNEL_SCOPE_UNSUPPORTED', {
        found: `"${tied.parameter}" tied to "${tied.table}", of which one is not in the scope`,
        expected: 'both, or neither',
        fix: 'put both into the scope, or leave `tied` out',
      });
    const question: Question = { host, method, raw, ...ways, tensors, contrasts, ...(tied && { tied }) };
    const work = gatherProducts(request, question);
    const same = columns === undefined;
    const rowBatches = batchesOf(rows, batchSize);
    const columnBatches = same ? rowBatches : batchesOf(columns, batchSize);
    const waiting: (readonly PlacedText[])[] = [...rowBatches];
    work.expect(rows.length);
    while (waiting.length > 0) {
      const held: Piece[] = [];
      try {
        // As many rows as fit.
        for (let bytes = 0; waiting.length > 0;) {
          const piece = work.collect(waiting[0]!);
          const size = bytesOf(piece);
          if (size > memoryLimit && held.length === 0) {
            disposePiece(piece);
            waiting.splice(0, 1, ...halves(waiting[0]!, size, memoryLimit));
            continue;
          }
          if (bytes + size > memoryLimit && held.length > 0) {
            disposePiece(piece);
            break;
          }
          waiting.shift();
          bytes += size;
          held.push(piece);
          await work.readOutputs('rows', piece);
        }
        if (same)
          for (const [place, piece] of held.entries())
            for (const other of held.slice(place)) await work.multiply(piece, other);
        const others = same ? waiting : columnBatches;
        work.expect(others.reduce((sum, batch) => sum + batch.length, 0));
        for (const batch of others) {
          const piece = work.collect(batch);
          try {
            if (!same) await work.readOutputs('columns', piece);
            for (const row of held) await work.multiply(row, piece);
          } finally {
            disposePiece(piece);
          }
        }
      } finally {
        held.forEach(disposePiece);
      }
    }
    return work.results(same);
  } finally {
    disposeParameters(raw);
  }
}

/** Batches of texts of similar length. */
function batchesOf(texts: readonly EncodedText[], batchSize: number): PlacedText[][] {
  const placed = texts.map((text, place) => ({ text, place }));
  placed.sort((a, b) => b.text.inputIds.length - a.text.inputIds.length || a.place - b.place);
  return Array.from({ length: Math.ceil(placed.length / batchSize) }, (_, i) =>
    placed.slice(i * batchSize, (i + 1) * batchSize),
  );
}

function halves(batch: readonly PlacedText[], bytes: number, limit: number): (readonly PlacedText[])[] {
  const half = Math.ceil(batch.length / 2);
  if (batch.length > 1) return [batch.slice(0, half), batch.slice(half)];
  throw new PeftError('KERNEL_MEMORY_TOO_SMALL', {
    found: `${bytes} bytes for the gradients of a single text, and a limit of ${limit}`,
    expected: 'room for one text at least',
    fix: 'raise `memoryLimit`, ask for fewer parameters, or use a random projection',
  });
}

function checkOptions({
  rows,
  columns = rows,
  batchSize = 1,
  memoryLimit = 1,
  projection,
  signThreshold = 0,
}: GramRequest): void {
  const wrong = Object.entries({ batchSize, memoryLimit, dimensions: projection?.dimensions ?? 1 }).find(
    ([, value]) => !(Number.isInteger(value) && value > 0),
  );
  if (wrong || !(signThreshold >= 0))
    throw new PeftError('OPTION_INVALID', {
      found: wrong ? `${wrong[0]} ${wrong[1]}` : `signThreshold ${signThreshold}`,
      expected: wrong ? 'a whole number above 0' : 'a number from 0',
    });
  const empty = [...rows, ...columns].find(({ inputIds }) => inputIds.length === 0);
  if (rows.length > 0 && columns.length > 0 && !empty) return;
  throw new PeftError('TEXT_EMPTY', {
    found: empty ? 'a text without tokens' : 'no texts',
    expected: 'at least one text, of at least one token',
  });
}
