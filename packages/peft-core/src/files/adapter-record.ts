import * as z from 'zod';
import { bounds } from '../bounds.js';
import { digestBytes } from '../digest-bytes.js';
import { PeftError } from '../errors.js';
import { headsOf, resolveReadout, resolveReadouts } from '../head.js';
import { type HostSpec, type Readout, readouts } from '../host-spec.js';
import type { JsonObject } from '../json/json.js';
import type { PeftMethod } from '../method.js';
import { describeMethod, type MethodDescription, parseConfig } from '../registry.js';
import { type AdapterFiles, recordName } from './adapter-files.js';
import { briefJson } from '../json/brief-json.js';
import { jsonChecksum } from '../json/json-checksum.js';
import { parseJsonObject } from '../json/parse-json-strict.js';

/** Since 2 a record has checksums; those of version 1 have none. */
const formatVersion = 2;

const description: z.ZodType<MethodDescription> = z.strictObject({
  type: z.string(),
  config: z.record(z.string(), z.json()) as unknown as z.ZodType<JsonObject>,
  version: z.string().optional(),
  parts: z.array(z.lazy(() => description)).optional(),
});

const record = z.strictObject({
  format: z.literal('tfjs-peft-adapter'),
  formatVersion: z.literal([1, formatVersion]),
  host: z.strictObject({
    fingerprint: z.string(),
    name: z.string(),
    modelType: z.string(),
    /** SHA-256 of the tokenizer that made the ids; older records have none. */
    tokenizer: z.string().optional(),
  }),
  /** Where the texts that it learned from were cut, in tokens. */
  maxTokens: z.int().min(1).optional(),
  /** The method to deploy: folded, every readout resolved. */
  method: description,
  /** The method whose parameters are in vertices.safetensors; null if folding changes nothing. */
  unfolded: description.nullable(),
  head: z
    .strictObject({ readout: z.enum(readouts as [Readout, ...Readout[]]), labels: z.array(z.string()) })
    .nullable(),
  units: z.array(
    z.strictObject({
      folder: z.string(),
      peftType: z.string().nullable(),
      /** How numbers lie in the tensors: `hf-peft/0.21` or `own-names/1`. */
      layout: z.string(),
      /** Of the canonical text of adapter_config.json. */
      configSha256: z.string().nullable(),
    }),
  ),
  /** Why HF peft would compute something else from these files; empty if it computes the same. */
  differences: z.array(z.string()),
  /** SHA-256 of each file of tensors. Somebody who changes one on purpose takes this entry and the next out. */
  sha256: z.record(z.string(), z.string()).optional(),
  /** Of this record, see {@link jsonChecksum}. */
  checksum: z.string().optional(),
});

/** Content of `tfjs_peft.json`. */
export type AdapterRecord = z.output<typeof record>;
export const hfLayout = 'hf-peft/0.21';
export const ownLayout = 'own-names/1';

/** Errors: `ADAPTER_FORMAT_UNKNOWN`, `ADAPTER_FILES_EDITED`, `CONFIG_INVALID`, and those of {@link parseJsonObject}. */
export function parseRecord(bytes: Uint8Array): AdapterRecord {
  const json = parseJsonObject(bytes, recordName, { maxBytes: bounds.recordBytes, maxDepth: 64 });
  if (
    json['format'] !== 'tfjs-peft-adapter' ||
    !(json['formatVersion'] === 1 || json['formatVersion'] === formatVersion)
  )
    throw new PeftError('ADAPTER_FORMAT_UNKNOWN', {
      found: `${recordName}: format ${briefJson(json['format'])}, version ${briefJson(json['formatVersion'])}`,
      expected: `format "tfjs-peft-adapter", version 1 or ${formatVersion}`,
      fix: 'update @tfjs-peft/peft-core, or take the file out to load the folder as HF peft would',
    });
  const known = parseConfig(record, json, recordName);
  if (known.checksum !== undefined && known.checksum !== jsonChecksum(json)) throw edited(recordName);
  return known;
}

/** Each file of tensors is the one that was saved, as far as the record says. Errors: `ADAPTER_FILES_EDITED`. */
export async function checkStoredFiles(
  { sha256 = {} }: AdapterRecord,
  files: AdapterFiles,
  isRead: (name: string) => boolean,
): Promise<void> {
  for (const [name, expected] of Object.entries(sha256)) {
    const bytes = isRead(name) ? files.get(name) : undefined;
    if (bytes !== undefined && (await digestBytes(bytes)) !== expected) throw edited(name);
  }
}

const edited = (name: string) =>
  new PeftError('ADAPTER_FILES_EDITED', {
    found: `${name} does not fit its checksum: it is damaged, or was changed after the adapter was saved`,
    expected: 'the file that was saved',
    fix: `fetch the adapter again; if the change is meant, take "sha256" and "checksum" out of ${recordName}`,
  });

export async function makeRecord(
  files: AdapterFiles,
  host: HostSpec,
  folded: PeftMethod,
  unfolded: PeftMethod | null,
  units: AdapterRecord['units'],
  differences: readonly string[],
  { tokenizerDigest, maxTokens }: { readonly tokenizerDigest?: string; readonly maxTokens?: number },
): Promise<AdapterRecord> {
  const heads = headsOf(folded);
  const head = heads.length === 1 ? heads[0] : undefined;
  const sha256: Record<string, string> = {};
  for (const [name, bytes] of files) if (name.endsWith('.safetensors')) sha256[name] = await digestBytes(bytes);
  const known: AdapterRecord = {
    format: 'tfjs-peft-adapter',
    formatVersion,
    host: {
      fingerprint: host.fingerprint,
      name: host.name,
      modelType: host.modelType,
      ...(tokenizerDigest !== undefined && { tokenizer: tokenizerDigest }),
    },
    ...(maxTokens !== undefined && { maxTokens }),
    method: describeMethod(resolveReadouts(folded, host)),
    unfolded: unfolded && describeMethod(resolveReadouts(unfolded, host)),
    head: head ? { readout: resolveReadout(head.head, host), labels: [...head.head.labels] } : null,
    units,
    differences: [...differences],
    sha256,
  };
  return { ...known, checksum: jsonChecksum(known) };
}
