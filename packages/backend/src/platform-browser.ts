/** What a page gets in place of platform-node.ts. */
import type { UnusableBackend } from './backend-report.js';

export async function loadTensorflow(_name: string, _threads?: number): Promise<UnusableBackend> {
  return { usable: false, why: 'it runs in Node only' };
}

export { fetchBytes as readBytes } from './fetch-bytes.js';
