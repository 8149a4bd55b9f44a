import { type EncodedText, PeftError } from '@tfjs-peft/peft-core';
import { bytesOf, type Piece } from './blocks.js';
import type { PlacedText } from './collect.js';

/** Texts of one pass. */
export type TextBatch = readonly PlacedText[];

/** Rows whose gradients are held while columns go by. */
export interface RowGroup {
  readonly rows: readonly TextBatch[];
  /** If rows and columns are the same texts: those of the group first. */
  readonly columns: readonly TextBatch[];
}

/** What decides how a kernel is cut into blocks. */
interface BlockPlanRequest {
  readonly rows: readonly EncodedText[];
  /** The rows themselves if absent. */
  readonly columns: readonly EncodedText[] | undefined;
  readonly batchSize: number;
  readonly memoryLimit: number;
  /** The gradients of a batch, to see how large they are. The caller disposes them. */
  readonly collect: (batch: TextBatch) => Piece;
  readonly dispose: (piece: Piece) => void;
}

/**
 * Batches of texts of similar length, halved until gradients of one of rows and one of columns fit, and groups of as many rows as fit beside a batch of
 * columns. A function of the texts and the two limits alone. Errors: `KERNEL_MEMORY_TOO_SMALL`.
 */
export function planBlocks({ rows, columns, batchSize, memoryLimit, collect, dispose }: BlockPlanRequest): RowGroup[] {
  const rowBatches = batchesOf(rows, batchSize);
  const columnBatches = columns ? batchesOf(columns, batchSize) : rowBatches;
  const [first] = rowBatches as [TextBatch];
  const piece = collect(first);
  const { ofTexts, ofTokens } = bytesOf(piece);
  dispose(piece);
  const estimate = (batch: TextBatch) =>
    (ofTexts * batch.length) / first.length + (ofTokens * paddedTokens(batch)) / paddedTokens(first);
  // The longest come first.
  const room = memoryLimit - estimate(columnBatches[0]!);
  if (room < estimate(first)) {
    if (batchSize > 1)
      return planBlocks({ rows, columns, batchSize: Math.ceil(batchSize / 2), memoryLimit, collect, dispose });
    const needed = Math.ceil(memoryLimit - room + estimate(first));
    throw new PeftError('KERNEL_MEMORY_TOO_SMALL', {
      found: `${needed} bytes for the gradients of one row and one column, and a limit of ${memoryLimit}`,
      expected: 'room for both',
      fix: 'raise `memoryLimit`, ask for fewer parameters, or use a random projection',
    });
  }
  const groups: RowGroup[] = [];
  for (let from = 0, to = 0; from < rowBatches.length; from = to) {
    for (let bytes = 0; to < rowBatches.length && bytes + estimate(rowBatches[to]!) <= room; to++)
      bytes += estimate(rowBatches[to]!);
    groups.push({ rows: rowBatches.slice(from, to), columns: columns ? columnBatches : columnBatches.slice(from) });
  }
  return groups;
}

/** Batches of texts of similar length, the longest first. */
function batchesOf(texts: readonly EncodedText[], batchSize: number): TextBatch[] {
  const placed = texts.map((text, place) => ({ text, place }));
  placed.sort((a, b) => b.text.inputIds.length - a.text.inputIds.length || a.place - b.place);
  return Array.from({ length: Math.ceil(placed.length / batchSize) }, (_, i) =>
    placed.slice(i * batchSize, (i + 1) * batchSize),
  );
}

const paddedTokens = (batch: TextBatch): number => batch.length * batch[0]!.text.inputIds.length;
