import { type AdapterFiles, isPeftError, type NamedArray, bytesSource, openSafetensors } from '@tfjs-peft/peft-core';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import { requireThat } from './failure.js';

export const isTensorFile = (name: string): boolean => name.endsWith('.safetensors');

export async function readTensorFile(files: AdapterFiles, name: string): Promise<Map<string, NamedArray>> {
  const file = await openSafetensors(bytesSource(name, files.get(name)!));
  const arrays = new Map<string, NamedArray>();
  for (const [tensor, { shape }] of file.tensors) arrays.set(tensor, { shape, data: await file.readNumbers(tensor) });
  return arrays;
}

/** The files with one of them written anew. */
export async function editTensors(
  files: AdapterFiles,
  name: string,
  edit: (arrays: Map<string, NamedArray>) => void,
): Promise<AdapterFiles> {
  const arrays = await readTensorFile(files, name);
  edit(arrays);
  return new Map([...files, [name, writeSafetensors(arrays)]]);
}

/** Errors: a failure unless `run` throws a PeftError, with one of the codes if there are any. */
export async function requireRefusal(
  run: () => Promise<unknown>,
  what: string,
  codes: readonly string[] = [],
): Promise<void> {
  let error: unknown;
  try {
    await run();
  } catch (thrown) {
    error = thrown;
  }
  requireThat(error !== undefined, `${what} is not refused`);
  requireThat(isPeftError(error), () => `${what} fails without a PeftError: ${String(error)}`);
  requireThat(
    codes.length === 0 || codes.includes(error.code),
    () => `${what} fails with ${(error as { code: string }).code} instead of ${codes.join(' or ')}`,
  );
}
