import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJsonObject, recordName } from '@tfjs-peft/peft-core/files';

/**
 * Why HF peft would compute something else from an experiment's adapter, as its own record says; empty if it computes the same, or if there is
 * no adapter any more.
 */
export async function hfDifferences(folder: string): Promise<readonly string[]> {
  const record = await readFile(join(folder, 'adapter', recordName), 'utf8').catch(() => undefined);
  const { differences } = record === undefined ? {} : parseJsonObject(record, recordName, { maxBytes: 8 * 2 ** 20 });
  return Array.isArray(differences) ? differences.map(String) : [];
}

/** The same in one line, with what gives an exact export; nothing without a difference. */
export function hfNote(differences: readonly string[]): string[] {
  if (differences.length === 0) return [];
  if (differences.some((text) => /this head reads "mask"/.test(text)))
    return [
      'HF peft and other tools cannot use this adapter: it classifies prompts with the head of a masked language model',
    ];
  const settings = [
    ...(differences.some((text) => /reads the pooler/.test(text)) ? ['--set model.readout=pooler'] : []),
    ...(differences.some((text) => /positionPolicy/.test(text)) ? ['positionPolicy "shift" in the prefix'] : []),
  ];
  // Each of these settings does away with one reason; another reason has no setting.
  const exact = settings.length === differences.length ? `${settings.join(' and ')} gives the same there` : undefined;
  // Hosts whose classifiers have no bias are decoders, which are not exported.
  const isDecoder = differences.some((text) => /has no bias/.test(text));
  const other = isDecoder ? undefined : 'tfjs-peft export writes it as ONNX, exactly as it is (docs/export.md)';
  const ways = [exact, other].filter(Boolean).join('; ');
  return [`In HF peft this adapter gives other logits (${differences.join('; ')})${ways === '' ? '' : `: ${ways}`}`];
}
