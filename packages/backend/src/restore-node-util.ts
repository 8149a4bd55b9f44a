import { importAtRunTime, runsInNode } from './import-at-run-time.js';

/** Node 22 warns about these and Node 23 removed them; @tensorflow/tfjs-node 4.22, the last release, still calls them. */
const removed = {
  isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  isArray: Array.isArray,
};

/**
 * Puts plain versions of these functions on `node:util`, where this Node lacks them or warns about them.
 *
 * @returns their names, or nothing where the originals will do
 */
export async function restoreNodeUtil(): Promise<readonly string[]> {
  if (!runsInNode() || Number.parseInt(process.versions.node, 10) < 22) return [];
  const { default: util } = (await importAtRunTime('node:util')) as { default: Record<string, unknown> };
  return Object.entries(removed).map(([name, replacement]) => {
    util[name] = replacement;
    return name;
  });
}
