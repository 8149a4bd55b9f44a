import { PeftError } from '../errors.js';
import type { Json } from '../json/json.js';
import type { LoadOptions } from './load-options.js';

/**
 * Names of a head's outputs: from the options, else those that a file gives if they are all there, else `LABEL_0` and so on, with a warning
 * where the file has others. `where` is the file's name. Errors: `LABELS_MISMATCH`.
 */
export function chooseLabels(
  count: number,
  found: readonly (Json | undefined)[],
  { labels, labelsOfBase, onWarning }: LoadOptions,
  where: string,
): readonly string[] {
  if (labels) {
    if (labels.length === count) return labels;
    throw new PeftError('LABELS_MISMATCH', {
      found: `${labels.length} labels for a head with ${count} outputs`,
      expected: `${count} labels`,
      fix: 'pass one name an output, in the order of the logits',
    });
  }
  if (found.length === count && found.every((name) => typeof name === 'string')) return found as readonly string[];
  if (labelsOfBase?.length === count) return labelsOfBase;
  if (found.length > 0)
    onWarning?.(`${where}: its labels do not name the ${count} outputs of the head; using LABEL_0 and so on`);
  return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
}
