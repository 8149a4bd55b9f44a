import { PeftError, isPeftError } from '@tfjs-peft/peft-core';

const noSpace = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const unwritable = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EEXIST',
  'EISDIR',
  'ENAMETOOLONG',
  'ELOOP',
  'ENOENT',
  'EBUSY',
  'EXDEV',
  'EINVAL',
]);

/** `ENOENT` and the like of an error that the system gave; null for other errors. Works across realms, where `instanceof` does not. */
export const systemCode = (error: unknown): string | null =>
  typeof error === 'object' && error !== null && 'code' in error && 'syscall' in error ? String(error.code) : null;

/** Whether a path does not exist. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '');

/** The typed error for a failed write below `folder`: `DISK_FULL`, `OUTPUT_UNWRITABLE`, or the error itself if it is something else. */
export function toFolderError(error: unknown, folder: string): unknown {
  const code = systemCode(error);
  if (isPeftError(error) || code === null) return error;
  if (noSpace.has(code))
    return new PeftError('DISK_FULL', {
      found: `no space left while writing to "${folder}"`,
      fix: 'free some space and run the same command with --resume; finished trials are kept',
      cause: error,
    });
  if (unwritable.has(code))
    return new PeftError('OUTPUT_UNWRITABLE', {
      found: `cannot write to "${folder}" (${code})`,
      expected: 'a folder that can be created or written',
      fix: 'choose another --output or change the permissions',
      cause: error,
    });
  return error;
}
