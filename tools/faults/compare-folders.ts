import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What differs between two equal runs: times, memory, and the sums over them. */
const measured =
  /"(?:trainSeconds|seconds|secondsPerStep|peakMemoryBytes|milliseconds|tensors|checksum)":\s*("[^"]*"|[\d.e+-]+)/g;
/** Reports print times. */
const reports = /^(?:table\.md|plot\.svg|history\.svg|report\.html)$/;

/** Every file of a finished run folder by its path, with a hash of what must be equal; a report counts by being there. */
export function fingerprint(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  const visit = (below: string) => {
    for (const name of readdirSync(join(folder, below)).sort()) {
      const path = below === '' ? name : `${below}/${name}`;
      if (statSync(join(folder, path)).isDirectory()) visit(path);
      else files.set(path, reports.test(path) ? 'there' : hashOf(readFileSync(join(folder, path)), name));
    }
  };
  visit('');
  return files;
}

function hashOf(bytes: Buffer, name: string): string {
  const isText = /\.(?:json|jsonl|yaml)$/.test(name);
  const content = isText ? bytes.toString('utf8').replace(measured, '') : bytes;
  return createHash('sha256').update(content).digest('hex');
}

/** Paths that are not the same in both; empty for equal folders. */
export const differences = (found: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): string[] =>
  [...new Set([...found.keys(), ...expected.keys()])]
    .filter((path) => found.get(path) !== expected.get(path))
    .map((path) => `${path}: ${!found.has(path) ? 'missing' : expected.has(path) ? 'another content' : 'left over'}`);
