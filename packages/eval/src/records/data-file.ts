import type { DataConfig } from '../config/experiment-config.js';

/** A labelled file whose paths, that of its test file among them, are what `map` makes of them. */
export function mapFile<File extends Pick<NonNullable<DataConfig['file']>, 'file' | 'testFile'>>(
  file: File,
  map: (path: string) => string,
): File {
  return {
    ...file,
    file: map(file.file),
    ...(file.testFile !== undefined && { testFile: map(file.testFile) }),
  };
}
