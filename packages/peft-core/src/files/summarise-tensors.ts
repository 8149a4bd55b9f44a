import { sizeOf } from '../plan.js';
import { bytesSource } from '../safetensors/byte-source.js';
import type { Dtype } from '../safetensors/dtypes.js';
import { openSafetensors } from '../safetensors/open-safetensors.js';
import type { AdapterFiles } from './adapter-files.js';

/** One tensor of a file; plain JSON. */
export interface TensorSummary {
  readonly file: string;
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly numbers: number;
  /** Root of the sum of squares; only where it was asked for. */
  readonly norm?: number;
}

/** What an adapter has in the layers of one kind of module, or outside of them. */
export interface TargetCoverage {
  /** Path below the layer, or the whole path: `attention.self.query`, `bert.pooler.dense`, `prompt_embeddings`. */
  readonly target: string;
  readonly layers: readonly number[];
  readonly tensors: number;
  readonly numbers: number;
  readonly norm?: number;
}

/** The tensors of all safetensors files, from their headers; numbers are read only for norms. */
export async function summariseTensors(files: AdapterFiles, norms: boolean): Promise<TensorSummary[]> {
  const summaries: TensorSummary[] = [];
  for (const [file, bytes] of files) {
    if (!file.endsWith('.safetensors')) continue;
    const { tensors, readFloat32 } = await openSafetensors(bytesSource(file, bytes));
    for (const [name, { dtype, shape }] of tensors) {
      const norm = norms && ['F32', 'F16', 'BF16', 'F64'].includes(dtype) ? normOf(await readFloat32(name)) : undefined;
      summaries.push({ file, name, dtype, shape, numbers: sizeOf(shape), ...(norm !== undefined && { norm }) });
    }
  }
  return summaries;
}

const normOf = (data: Float32Array) => Math.sqrt(data.reduce((sum, value) => sum + value * value, 0));

/** What belongs to a method and not to the module that it acts on. */
const ownSegment =
  /^((lora|ia3|p?vera|gralora|glora|hada|lokr|vblora|fourierft|randlora|oft|boft|hra|hira|miss|bone|c3a|road|delora|beft|trainable_tokens|shira|ln_tuning|adapter|prefix|prompt)_.*|loras|adapters|refts|down|up|upBias|keys|values|gate|scale|base_layer|biasDelta|magnitudeDelta|bias|weight)$/;

/** Tensors by the module that they act on and by layer, from their names alone; heads are left out. */
export function summariseCoverage(tensors: readonly TensorSummary[]): TargetCoverage[] {
  const rows = new Map<
    string,
    { layers: Set<number>; tensors: number; numbers: number; squares: number; norms: boolean }
  >();
  for (const { name, numbers, norm } of tensors) {
    if (isHeadName(name)) continue;
    const { target, layer } = placeOf(name);
    const row = rows.get(target) ?? { layers: new Set(), tensors: 0, numbers: 0, squares: 0, norms: false };
    if (layer !== undefined) row.layers.add(layer);
    row.tensors += 1;
    row.numbers += numbers;
    row.squares += (norm ?? 0) ** 2;
    row.norms ||= norm !== undefined;
    rows.set(target, row);
  }
  return [...rows].map(([target, { layers, squares, norms, ...row }]) => ({
    target,
    layers: [...layers].sort((a, b) => a - b),
    ...row,
    ...(norms && { norm: Math.sqrt(squares) }),
  }));
}

const headName = /(^|\.)(classifier|pre_classifier|score|heads\.[^.]+)\.(?!lora_)/;
export const isHeadName = (name: string) => headName.test(name);

function placeOf(name: string): { readonly target: string; readonly layer?: number } {
  const found = /(?:^|\.)layers?\.(\d{1,4})\.([\s\S]*)$/.exec(name);
  const path = (found?.[2] ?? name.replace(/^base_model\.(model\.)?/, '')).split('.');
  const end = path.findIndex((segment) => ownSegment.test(segment));
  // What stands for all layers at once (a prompt, the prefixes of HF peft) goes by its own name.
  const target = (end < 0 ? path : path.slice(0, Math.max(1, end))).join('.');
  return { target, ...(found && { layer: Number(found[1]) }) };
}

/** Ranks of low-rank factors, smallest first. */
export const ranksOf = (tensors: readonly TensorSummary[]): number[] =>
  [
    ...new Set(
      tensors.flatMap(({ name, shape }) =>
        /\.lora_(embedding_)?A(\.|$)/.test(name) && shape.length === 2 ? [shape[0]!] : [],
      ),
    ),
  ].sort((a, b) => a - b);
