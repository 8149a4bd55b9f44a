import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Adapter, disposeMerged, type Host, isPeftError, mergeAdapter } from '@tfjs-peft/peft-core';
import { headsOf } from '@tfjs-peft/peft-core/authoring';
import { saveHost } from '@tfjs-peft/transformer';
import type { HostFolder } from './parity-case.js';

/** Merges the adapter into its host and saves the model in `folder`; undefined for what no weight can hold. */
export async function saveMerged(
  folder: string,
  adapter: Adapter,
  host: Host,
  { base }: HostFolder,
): Promise<string | undefined> {
  const merged = await mergeAdapter(host, adapter).catch((error: unknown) => {
    if (isPeftError(error) && error.code === 'NOT_MERGEABLE') return undefined;
    throw error;
  });
  if (!merged) return undefined;
  // A model is written as a classifier of texts, and HF's classes for choices have other heads.
  if (merged.rest && headsOf(merged.rest.method).some(({ head }) => head.choices)) {
    disposeMerged(merged, adapter);
    return undefined;
  }
  const config = JSON.parse(readFileSync(join(base, 'config.json'), 'utf8')) as never;
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of await saveHost(merged.host, { config, head: merged.rest }))
    writeFileSync(join(folder, name), bytes);
  disposeMerged(merged, adapter);
  return folder;
}
