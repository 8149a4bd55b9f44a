/** What a reader is given: the files of a folder by name, or the one file `input`. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** A reader with everything it needs in memory. */
export interface OpenReader {
  /** Good inputs, small ones: what is changed at random. */
  readonly seeds: readonly Files[];
  /** Words and numbers of the format, to be put in anywhere. */
  readonly words?: readonly string[];
  /**
   * Reads one input. Throws a `PeftError`, or returns if the value is right; `wrongValue` says that it is not. It gives back what it takes: no
   * file and no tensor may be left.
   */
  read(files: Files): unknown;
  close?(): unknown;
}

export interface Reader {
  readonly name: string;
  /** `shared` is a folder that all processes of one run share, for seeds that take long to make or differ each time. */
  open(shared: string): Promise<OpenReader>;
}

/** Thrown by an oracle: the reader accepted the input and its value is wrong. */
export class WrongValue extends Error {
  override readonly name = 'WrongValue';
}

export const inputName = 'input';
export const oneFile = (content: string | Uint8Array, name = inputName): Files =>
  new Map([[name, typeof content === 'string' ? Buffer.from(content) : content]]);
export const bytesOf = (files: Files, name = inputName): Uint8Array => files.get(name) ?? new Uint8Array();
export const textOf = (files: Files, name = inputName): string => Buffer.from(bytesOf(files, name)).toString('utf8');
