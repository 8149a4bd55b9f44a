// A run as a program makes it, from cold start to saved adapter: whole-run.ts <options as JSON>. The same as peers/whole_run.py.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { selectBackend } from '@tfjs-peft/backend';
import { compose, disposeParameters, head, saveAdapter, toParameters } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { labelledTask, parseTrainConfig, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';
import type { WholeRun } from './contenders.js';

const { rows, host: folder, output, steps } = JSON.parse(process.argv[2]!) as WholeRun;
await selectBackend({ backend: 'tensorflow' });
const { host, tokenizer } = await loadHost(folder, { readout: 'pooler', dropout: false });
const texts = JSON.parse(readFileSync(rows, 'utf8')) as { text: string; label: number }[];
const examples = texts.map(({ text, label }) => ({ text: tokenizer.encode(text, { maxTokens: 64 }), label }));
const { method, effective } = await train({
  host,
  method: compose(
    prefix({ prefixLength: 16, reparametrisation: 'none', positionPolicy: 'shift' }),
    head({ labels: ['a', 'b'], readout: 'pooler' }),
  ),
  ...labelledTask({ train: examples }),
  config: parseTrainConfig({ steps, batchSize: 16, learningRate: 1e-3, patience: null }),
  seed: 1,
});
const parameters = toParameters(effective);
const files = await saveAdapter({ method, effective: parameters, hostFingerprint: host.spec.fingerprint }, host);
mkdirSync(output, { recursive: true });
for (const [name, bytes] of files) writeFileSync(`${output}/${name}`, bytes);
disposeParameters(parameters);
host.dispose();
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
console.log(JSON.stringify({ cpuMilliseconds: (userCPUTime + systemCPUTime) / 1000, peakMegabytes: maxRSS / 1024 }));
