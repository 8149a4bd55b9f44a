import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { type JsonObject, parseJsonObject } from '@tfjs-peft/peft-core/files';
import { countVirtualTokens } from '@tfjs-peft/transformer';
import { maxTokensOf, openAdapter, type OpenAdapterOptions, type OpenedAdapter } from '../predict/open-adapter.js';
import { writeModelFolder } from './write-model-folder.js';

/** What is written, and where. */
export interface DeployOptions extends Omit<OpenAdapterOptions, 'host'> {
  /** A new folder, or an empty one. */
  readonly output: string;
  /** Of the stored numbers; default `f32`. */
  readonly dtype?: 'f32' | 'f16';
  /** Where texts are cut, special tokens included; default what the adapter was trained with. */
  readonly maxTokens?: number;
}

/** What was written; plain JSON. */
export interface DeployedFolder {
  readonly folder: string;
  /** None of a model that predicts the next token. */
  readonly labels: readonly string[];
  readonly dtype: 'f32' | 'f16';
  /** Of all files. */
  readonly bytes: number;
  /** Where texts are cut; absent where nothing says it. */
  readonly maxTokens?: number;
  /** The largest difference of the logits of what was written, read again, from those of host and adapter; null if it could not be run. */
  readonly difference: number | null;
  /** The largest logit of this comparison. */
  readonly largestLogit: number | null;
}

/** What {@link openAdapter} gives, unless no single model holds it. Errors: those of `openAdapter`, `HOST_UNSUPPORTED`. */
export async function openDeployable(
  folder: string,
  options: DeployOptions & { readonly causal?: boolean },
): Promise<OpenedAdapter> {
  const opened = await openAdapter(folder, options);
  if (!opened.located.model.prompt) return opened;
  opened.dispose();
  throw new PeftError('HOST_UNSUPPORTED', {
    found: `"${folder}", which classifies prompts with the head of a masked language model`,
    expected: 'an adapter of texts as they are: other tools neither make the prompts nor read the mask',
    fix: 'predict with this library, or train without prompts',
  });
}

/** The folder of the host and its config.json. */
export async function readHostConfig({ hostDirectory }: OpenedAdapter): Promise<[string, JsonObject]> {
  const text = await readFile(join(hostDirectory!, 'config.json'), 'utf8');
  return [hostDirectory!, parseJsonObject(text, 'config.json')];
}

/** Where the texts of a deployed model are cut, so that virtual tokens fit before them; undefined where nothing says it. */
export function deployedMaxTokens(opened: OpenedAdapter, wanted: number | undefined): number | undefined {
  const { host, adapter } = opened;
  const room = host.spec.maxPositionEmbeddings - countVirtualTokens(adapter, host.spec);
  const limit = wanted ?? maxTokensOf(opened);
  if (wanted !== undefined && wanted > room)
    throw new PeftError('OPTION_INVALID', {
      found: `maxTokens ${wanted}`,
      expected: `at most ${room}, the positions of the host less those of virtual tokens`,
    });
  if (limit === undefined) return room < host.spec.maxPositionEmbeddings ? room : undefined;
  return Math.min(limit, room);
}

/** How far what was written is from its origin, see `compareLogits`. */
export interface Compared {
  readonly difference: number;
  readonly largest: number;
}

/**
 * Writes a model's files, lets `compare` run what was written (null if it cannot), and describes it. Errors: `OUTPUT_DIFFERS`, those of
 * {@link writeModelFolder}.
 */
export async function writeDeployed(
  { labels }: Pick<OpenedAdapter, 'labels'>,
  { output, dtype = 'f32' }: Pick<DeployOptions, 'output' | 'dtype'>,
  maxTokens: number | undefined,
  files: ReadonlyMap<string, Uint8Array>,
  compare: (written: string) => Promise<Compared | null>,
): Promise<DeployedFolder> {
  const compared = await writeModelFolder(output, files, async (written) => {
    const found = await compare(written);
    if (found) requireClose(found, dtype, output);
    return found;
  });
  return {
    folder: output,
    labels,
    dtype,
    bytes: [...files.values()].reduce((sum, { length }) => sum + length, 0),
    ...(maxTokens !== undefined && { maxTokens }),
    difference: compared?.difference ?? null,
    largestLogit: compared?.largest ?? null,
  };
}

/** F32 output that is further from its origin than rounding explains is never left behind, and no output whose logits are no numbers. */
function requireClose({ difference, largest }: Compared, dtype: 'f32' | 'f16', what: string): void {
  if (dtype === 'f16' ? difference < Infinity : difference <= 1e-3 * Math.max(1, largest)) return;
  if (difference === Infinity)
    throw new PeftError('OUTPUT_DIFFERS', {
      found: `${what}: logits that are no finite numbers, or not as many as host and adapter give`,
      expected: 'the same within rounding',
      fix: dtype === 'f16' ? 'write f32: a weight may be too large for f16' : 'report this; nothing was written',
    });
  throw new PeftError('OUTPUT_DIFFERS', {
    found: `${what}: logits that differ by ${difference.toPrecision(3)} from those of host and adapter`,
    expected: 'the same within rounding',
    fix: 'report this; nothing was written',
  });
}
