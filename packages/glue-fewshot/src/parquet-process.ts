/**
 * The process in which a Parquet file is read: bytes on standard input, the answer as serialised values on standard output. It imports no
 * package of this library, so that it starts at once, and ends itself when its time is over, whatever becomes of the process that asked.
 */
import { deserialize, serialize } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { parquetMetadata, parquetRead, parquetSchema } from 'hyparquet';
import { compressors as library } from 'hyparquet-compressors';

export interface ParquetQuestion {
  readonly bytes: Uint8Array;
  readonly pageBytes: number;
}

/** `hint` is the JSON that `datasets` writes about its columns. */
export type ParquetAnswer =
  | {
      readonly columns: readonly string[];
      readonly rows: readonly (readonly unknown[])[];
      readonly hint: string | null;
    }
  | { readonly error: string };

/** Kills the whole process: a timer of this thread would never be called from within an endless loop. */
const endAfter = (milliseconds: number) =>
  new Worker(`setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${milliseconds})`, { eval: true }).unref();

async function read({ bytes, pageBytes }: ParquetQuestion): Promise<ParquetAnswer> {
  try {
    const buffer = new Uint8Array(bytes).buffer;
    const metadata = parquetMetadata(buffer);
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    const compressors = Object.fromEntries(
      Object.entries(library).map(([codec, decompress]) => [
        codec,
        (input: Uint8Array, length: number) => {
          if (!(length >= 0 && length <= pageBytes)) throw new Error(`a page of ${length} bytes`);
          return decompress(input, length);
        },
      ]),
    );
    let rows: unknown[][] = [];
    await parquetRead({
      file: buffer,
      metadata,
      columns,
      compressors,
      onComplete: (all) => (rows = all as unknown as unknown[][]),
    });
    const hint = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value ?? null;
    return { columns, rows, hint };
  } catch (error) {
    return { error: String((error as { message?: unknown } | null)?.message ?? error) };
  }
}

async function main(): Promise<void> {
  endAfter(Number(process.argv[2]));
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const answer = await read(deserialize(Buffer.concat(chunks)) as ParquetQuestion);
  process.stdout.write(serialize(answer), () => process.exit(0));
}

main().catch(() => process.exit(1));
