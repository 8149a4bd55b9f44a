import { PeftError } from '@tfjs-peft/peft-core';
import { unzipSync, zipSync } from 'fflate';

/** One file as it was dropped or chosen. */
export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What an adapter may weigh here; a zip says how large its files become before they are read. */
const limits = { bytes: 500_000_000, files: 100 };

export const packFiles = (files: ReadonlyMap<string, Uint8Array>): Uint8Array => zipSync(Object.fromEntries(files));

/** The files of an adapter: those of the one zip, or the files themselves. Errors: `ADAPTER_ARCHIVE_UNREADABLE`, `ADAPTER_ARCHIVE_TOO_LARGE`. */
export function unpackFiles(files: readonly NamedFile[]): ReadonlyMap<string, Uint8Array> {
  const [first] = files;
  if (first === undefined || files.length > 1 || !/\.zip$/i.test(first.name))
    return new Map(files.map(({ name, bytes }) => [name, bytes]));
  return withoutFolder(unzip(first));
}

function unzip({ name, bytes }: NamedFile): Record<string, Uint8Array> {
  const sum = { bytes: 0, files: 0 };
  const tooLarge = () => sum.bytes > limits.bytes || sum.files > limits.files;
  try {
    const files = unzipSync(bytes, {
      filter({ name: path, originalSize }) {
        if (path.endsWith('/')) return false;
        sum.bytes += originalSize;
        sum.files += 1;
        return !tooLarge();
      },
    });
    if (!tooLarge()) return files;
  } catch (cause) {
    throw new PeftError('ADAPTER_ARCHIVE_UNREADABLE', {
      found: `"${name}" cannot be read as a zip (${String(cause)})`,
      fix: 'download it again, or choose the files of the adapter themselves',
      cause,
    });
  }
  throw new PeftError('ADAPTER_ARCHIVE_TOO_LARGE', {
    found: `"${name}" holds ${sum.files} files or more, of ${sum.bytes} bytes or more`,
    expected: `at most ${limits.files} files of ${limits.bytes} bytes together`,
    fix: 'choose the files of the adapter themselves',
  });
}

/** Archives often hold one folder with everything in it. */
function withoutFolder(files: Readonly<Record<string, Uint8Array>>): Map<string, Uint8Array> {
  const entries = Object.entries(files);
  const folders = new Set(entries.map(([path]) => path.slice(0, path.indexOf('/') + 1)));
  const length = folders.size === 1 ? [...folders][0]!.length : 0;
  return new Map(entries.map(([path, bytes]) => [path.slice(length), bytes]));
}
