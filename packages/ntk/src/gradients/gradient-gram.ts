import { disposeParameters, PeftError, toParameters } from '@tfjs-peft/peft-core';
import { getParameter, trainableNames } from '@tfjs-peft/peft-core/authoring';
import { disposePiece, type Piece } from './blocks.js';
import type { Gram, GramRequest } from './gram-request.js';
import { gatherProducts, type KernelBlock } from './gather-products.js';
import type { KernelKind } from './kernel-kinds.js';
import { planBlocks, type TextBatch } from './plan-blocks.js';
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
 * Memory: gradients of rows and of one batch of columns up to `memoryLimit`, and what a backward pass of one batch needs.
 * Errors: `KERNEL_OUTPUTS_INVALID`, `KERNEL_SCOPE_EMPTY`, `KERNEL_SCOPE_UNSUPPORTED`, `KERNEL_MEMORY_TOO_SMALL`, `KERNEL_NOT_FINITE`, `KERNEL_ABORTED`,
 * `TEXT_EMPTY`, `OPTION_INVALID`, `PARAMETER_MISSING`, those of the method and the host.
 */
export async function gradientGrams(
  request: GramRequest & { readonly kinds: readonly KernelKind[] },
): Promise<ReadonlyMap<KernelKind, Gram>> {
  const { host, method } = request;
  checkOptions(request);
  const contrasts = contrastsOf(method, request.contrasts);
  const raw = toParameters(request.parameters);
  const frees = [() => disposeParameters(raw)];
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
    frees.push(work.dispose);
    await gatherBlocks(request, work);
    return work.results();
  } finally {
    frees.forEach((free) => free());
  }
}

/** All blocks one after the other, those that are not stored from gradients of rows that are held meanwhile. */
async function gatherBlocks(request: GramRequest, work: ReturnType<typeof gatherProducts>): Promise<void> {
  const { rows, columns, batchSize = 32, memoryLimit = 2 ** 30, blocks: store, signal } = request;
  const isMine = store?.isMine ?? (() => true);
  const plan = planBlocks({ rows, columns, batchSize, memoryLimit, collect: work.collect, dispose: disposePiece });
  const textsIn = (batches: readonly TextBatch[]) => batches.reduce((sum, { length }) => sum + length, 0);
  const total = plan.reduce((sum, group) => sum + textsIn(group.columns), 0);
  let [done, number] = [0, 0];
  for (const group of plan) {
    const held = new Map<TextBatch, Piece>();
    const holds = (batch: TextBatch) => group.rows.includes(batch);
    try {
      for (const batch of group.columns) {
        if (signal?.aborted)
          throw new PeftError('KERNEL_ABORTED', { found: `stopped after ${done} of ${total} columns` });
        // Of the same texts, each pair once.
        const place = group.rows.indexOf(batch);
        const block = { rows: columns || place < 0 ? group.rows : group.rows.slice(0, place + 1), columns: batch };
        const name = nameOf(block);
        const stored = await store?.read(name);
        if (stored?.length === work.lengthOf(block)) work.place(block, stored);
        else if (isMine(number)) {
          const passing = new Map<TextBatch, Piece>();
          try {
            const numbers = await work.compute(block, (asked) => {
              const kept = holds(asked) ? held : passing;
              const piece = kept.get(asked) ?? work.collect(asked);
              kept.set(asked, piece);
              return piece;
            });
            await store?.write(name, numbers);
            work.place(block, numbers);
          } finally {
            passing.forEach(disposePiece);
          }
        }
        number++;
        done += batch.length;
        request.onProgress?.({ done, total });
      }
    } finally {
      held.forEach(disposePiece);
    }
  }
}

/** Places of the texts, batch by batch: numbers of a block stand in the order of its batches. */
const nameOf = ({ rows, columns }: KernelBlock): string =>
  [rows, [columns]].map((batches) => batches.map(placesOf).join(';')).join(' x ');

const placesOf = (batch: TextBatch): string => batch.map(({ place }) => place).join();

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
