import type { WritableTensor } from '@tfjs-peft/peft-core/files';

/** The name under which mlx-lm keeps an adapter's tensors. */
export const mlxTensorsName = 'adapters.safetensors';

/** `[columns, rows]` of a matrix `[rows, columns]`: mlx keeps both factors the other way round than torch. */
export function transposed(rows: number, columns: number, data: Float32Array): WritableTensor {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: out };
}
