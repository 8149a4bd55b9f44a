import { type AdapterFiles, PeftError } from '@tfjs-peft/peft-core';
import { hfConfigName, type JsonObject, parseJsonObject, type WritableTensor } from '@tfjs-peft/peft-core/files';

/** The name under which mlx-lm keeps an adapter's tensors. */
export const mlxTensorsName = 'adapters.safetensors';

/** `[columns, rows]` of a matrix `[rows, columns]`: mlx keeps both factors the other way round than torch. */
export function transposed(rows: number, columns: number, data: Float32Array): WritableTensor {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: out };
}

/** The configuration of an adapter and the file of its tensors. Errors: `ADAPTER_FILE_MISSING`, those of the JSON. */
export function configAndTensors(
  files: AdapterFiles,
  tensorsName: string,
  library: string,
): { readonly config: JsonObject; readonly bytes: Uint8Array } {
  const [config, bytes] = [files.get(hfConfigName), files.get(tensorsName)];
  if (config && bytes) return { config: parseJsonObject(config, hfConfigName), bytes };
  throw new PeftError('ADAPTER_FILE_MISSING', {
    found: [...files.keys()].join(', ') || 'no files',
    expected: `${hfConfigName} and ${tensorsName}`,
    fix: `pass the files that ${library} wrote`,
  });
}
