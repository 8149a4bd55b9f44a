import { PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';
import type { NamedArray } from '../parameters.js';

/**
 * The number of a head's outputs: the rows of its last weight, `[outputs, hidden]`. Names for them are made only after the file has been found to hold
 * as many numbers. One without a weight, which others miss. Errors: `TENSOR_MISSHAPEN`.
 */
export function headOutputs(
  weight: NamedArray | undefined,
  name: string,
  { hiddenSize }: Pick<HostSpec, 'hiddenSize'>,
  where: string,
): number {
  if (!weight) return 1;
  const { shape, data } = weight;
  const [outputs = 0, inputs] = shape;
  if (shape.length === 2 && outputs > 0 && inputs === hiddenSize && data.length === outputs * inputs) return outputs;
  throw new PeftError('TENSOR_MISSHAPEN', {
    found: `${where}: "${name}" has shape [${shape.join(', ')}]`,
    expected: `[${Math.max(outputs, 1)}, ${hiddenSize}]: a row a label, of the size of the hidden states`,
    fix: 'load it on a host of the size it was made for',
  });
}
