import { nearMisses, PeftError } from '../errors.js';
import { dtypeOf, type NamedArray, type NamedArrays } from '../parameters.js';
import type { StoredTensor } from '../plan.js';
import { bytesSource } from '../safetensors/byte-source.js';
import { openSafetensors } from '../safetensors/open-safetensors.js';
import { type AdapterFiles, requireFile } from './adapter-files.js';

/** A tensor that must be there, of float32 unless it says otherwise. */
export type ExpectedTensor = Pick<StoredTensor, 'name' | 'shape'> & Partial<Pick<StoredTensor, 'dtype'>>;

/**
 * Exactly the expected tensors, each with its shape: what a codec and a loader need before they trust a file. `where` is the file's name.
 * Errors: `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`, `TENSOR_TYPE_WRONG`.
 */
export function checkTensors(tensors: NamedArrays, expected: readonly ExpectedTensor[], where: string): void {
  const names = expected.map(({ name }) => name);
  const known = new Set(names);
  const unexpected = [...tensors.keys()].filter((name) => !known.has(name));
  for (const { name, shape, dtype = 'float32' } of expected) {
    const tensor = tensors.get(name);
    if (!tensor)
      throw new PeftError('TENSOR_MISSING', {
        found: `${where}: no tensor "${name}"${unexpected.length > 0 ? `, but ${listed(unexpected)}` : ''}`,
        expected: `"${name}" of shape [${shape.join(', ')}]`,
        fix: 'load the files that were saved together, on the kind of host they were made for',
      });
    if (tensor.shape.length !== shape.length || tensor.shape.some((length, axis) => length !== shape[axis]))
      throw new PeftError('TENSOR_MISSHAPEN', {
        found: `${where}: "${name}" has shape [${tensor.shape.join(', ')}]`,
        expected: `[${shape.join(', ')}]`,
        fix: 'load it on a host of the size it was made for, with the configuration it was saved with',
      });
    if (dtypeOf(tensor.data) !== dtype)
      throw new PeftError('TENSOR_TYPE_WRONG', {
        found: `${where}: "${name}" holds ${dtypeOf(tensor.data)} numbers`,
        expected: dtype,
        fix: 'load the files that were saved together',
      });
  }
  if (unexpected.length === 0) return;
  const close = nearMisses(unexpected[0]!, names);
  throw new PeftError('TENSOR_UNEXPECTED', {
    found: `${where}: ${listed(unexpected)}, which nothing in this adapter uses`,
    expected: `only ${listed(close.length > 0 ? close : names)}`,
    fix: 'load it with the configuration it was saved with; tensors are never ignored, since that would change the outputs silently',
  });
}

const listed = (names: readonly string[]) =>
  names.length === 0
    ? 'none'
    : names
        .slice(0, 5)
        .map((name) => `"${name.length > 200 ? `${name.slice(0, 200)}…` : name}"`)
        .join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');

/** All tensors of one safetensors file of a folder, integers of 32 bits as they are, all else as float32. Errors: `VALUES_NOT_FINITE`, missing files, headers that lie. */
export async function readTensors(files: AdapterFiles, name: string): Promise<Map<string, NamedArray>> {
  const file = await openSafetensors(bytesSource(name, requireFile(files, name)));
  const arrays = new Map<string, NamedArray>();
  for (const [tensor, { shape }] of file.tensors) arrays.set(tensor, { shape, data: await file.readNumbers(tensor) });
  checkFinite(arrays, name);
  return arrays;
}

/** Errors: `VALUES_NOT_FINITE`. */
export function checkFinite(arrays: NamedArrays, where: string): void {
  for (const [name, { data }] of arrays) {
    const first = data.findIndex((value) => !Number.isFinite(value));
    if (first < 0) continue;
    let count = 0;
    for (const value of data) if (!Number.isFinite(value)) count += 1;
    throw new PeftError('VALUES_NOT_FINITE', {
      found: `${where}: "${name}" holds ${count} of ${data.length} numbers that are NaN or infinite, the first at index ${first}`,
      expected: 'finite numbers',
      fix: 'the training that made it diverged: train again with a lower learning rate or from an earlier checkpoint',
    });
  }
}
