import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { parseExperiment } from '../config/experiment-config.js';
import { experimentFiles, writeResults } from './experiment-folder.js';

const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-results-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('results without an adapter leave none of an earlier command behind', async () => {
  const { adapter } = experimentFiles(folder);
  mkdirSync(adapter);
  writeFileSync(join(adapter, 'adapter_config.json'), '{}');
  const config = parseExperiment({ version: 1, task: 'sst2', methods: ['majority'] });
  expect(await writeResults(folder, config, [])).toMatchObject({ adapter: null });
  expect(existsSync(adapter)).toBe(false);
});
