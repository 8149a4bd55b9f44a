import * as z from 'zod';
import { bounds } from '../bounds.js';
import { PeftError } from '../errors.js';
import { headsOf, resolveReadout, resolveReadouts } from '../head.js';
import { type HostSpec, type Readout, readouts } from '../host-spec.js';
import type { JsonObject } from '../json/json.js';
import type { PeftMethod } from '../method.js';
import { describeMethod, type MethodDescription, parseConfig } from '../registry.js';
import { recordName } from './adapter-files.js';
import { briefJson } from '../json/brief-json.js';
import { parseJsonObject } from '../json/parse-json-strict.js';

const formatVersion = 1;

const description: z.ZodType<MethodDescription> = z.strictObject({
  type: z.string(),
  config: z.record(z.string(), z.json()) as unknown as z.ZodType<JsonObject>,
  version: z.string().optional(),
  parts: z.array(z.lazy(() => description)).optional(),
});

const record = z.strictObject({
  format: z.literal('tfjs-peft-adapter'),
  formatVersion: z.literal(formatVersion),
  host: z.strictObject({
    fingerprint: z.string(),
    name: z.string(),
    modelType: z.string(),
    /** SHA-256 of the tokenizer that made the ids; older records have none. */
    tokenizer: z.string().optional(),
  }),
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
});

/** Content of `tfjs_peft.json`. */
export type AdapterRecord = z.output<typeof record>;
export const hfLayout = 'hf-peft/0.21';
export const ownLayout = 'own-names/1';

/** Errors: `ADAPTER_FORMAT_UNKNOWN`, `CONFIG_INVALID`, and those of {@link parseJsonObject}. */
export function parseRecord(bytes: Uint8Array): AdapterRecord {
  const json = parseJsonObject(bytes, recordName, { maxBytes: bounds.recordBytes, maxDepth: 64 });
  if (json['format'] !== 'tfjs-peft-adapter' || json['formatVersion'] !== formatVersion)
    throw new PeftError('ADAPTER_FORMAT_UNKNOWN', {
      found: `${recordName}: format ${briefJson(json['format'])}, version ${briefJson(json['formatVersion'])}`,
      expected: `format "tfjs-peft-adapter", version ${formatVersion}`,
      fix: 'update @tfjs-peft/peft-core, or take the file out to load the folder as HF peft would',
    });
  return parseConfig(record, json, recordName);
}

export function makeRecord(
  host: HostSpec,
  folded: PeftMethod,
  unfolded: PeftMethod | null,
  units: AdapterRecord['units'],
  differences: readonly string[],
  tokenizerDigest: string | undefined,
): AdapterRecord {
  const heads = headsOf(folded);
  const head = heads.length === 1 ? heads[0] : undefined;
  return {
    format: 'tfjs-peft-adapter',
    formatVersion,
    host: {
      fingerprint: host.fingerprint,
      name: host.name,
      modelType: host.modelType,
      ...(tokenizerDigest !== undefined && { tokenizer: tokenizerDigest }),
    },
    method: describeMethod(resolveReadouts(folded, host)),
    unfolded: unfolded && describeMethod(resolveReadouts(unfolded, host)),
    head: head ? { readout: resolveReadout(head.head, host), labels: [...head.head.labels] } : null,
    units,
    differences: [...differences],
  };
}
