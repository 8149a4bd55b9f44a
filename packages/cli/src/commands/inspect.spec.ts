import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import type { CliIo } from '../cli-io.js';
import { inspect } from './inspect.js';

async function inspected(
  config: object,
  names: readonly string[],
  file = 'adapter_model.safetensors',
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tfjs-peft-inspect-'));
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config));
  const tensors = new Map(names.map((name) => [name, { shape: [4, 2], data: new Float32Array(8) }]));
  await writeFile(join(folder, file), writeSafetensors(tensors));
  let text = '';
  const io = { out: (part: string) => (text += part) } as unknown as CliIo;
  expect(await inspect(folder, {}, io)).toBe(0);
  return text;
}
const layers = [0, 1].map((layer) => `base_model.model.bert.encoder.layer.${layer}.attention.self.query.lora_A.weight`);

it('inspect says what an adapter of HF peft covers, at which rank, and who may have written it', async () => {
  const text = await inspected({ peft_type: 'LORA' }, layers);
  expect(text).toContain('adapter LORA, written by hf-peft\n');
  expect(text).toContain('likely version: before 0.18.0 (no "peft_version"');
  expect(text).toContain('rank: 4\n');
  expect(text).toContain('covers attention.self.query in 2 layers (0, 1): 2 tensors, 16 numbers\n');
  expect(await inspected({ peft_type: 'LORA', peft_version: '0.20.0' }, layers)).toContain(
    'written by hf-peft 0.20.0\n',
  );
});

it('inspect knows adapters of AdapterHub', async () => {
  const file = {
    name: 'a',
    version: 'adapters.1.0.1',
    model_name: 'bert-base-uncased',
    config: { architecture: 'lora', r: 4, alpha: 8 },
  };
  const text = await inspected(
    file,
    ['bert.encoder.layer.3.attention.self.value.loras.a.lora_A'],
    'adapter.safetensors',
  );
  expect(text).toContain('adapter lora, written by adapter-hub adapters.1.0.1\nhost: bert-base-uncased\n');
  expect(text).toContain('covers attention.self.value in 1 layer (3)');
  expect(text).toContain('likely defect: a LoRA of adapters.1.0.1');
});

it('inspect names task, alpha and class, and says why an adapter cannot be loaded', async () => {
  const lora = await inspected({ peft_type: 'LORA', r: 4, lora_alpha: 12, task_type: 'SEQ_CLS' }, layers);
  expect(lora).toMatch(/SEQ_CLS/);
  expect(lora).toMatch(/alpha: 12/);
  expect(lora).not.toMatch(/cannot be loaded/);
  const poly = await inspected({ peft_type: 'POLY' }, layers);
  expect(poly).toMatch(/cannot be loaded.*POLY.*number of a task/);
  const mapping = { base_model_class: 'BertForNextSentencePrediction' };
  expect(await inspected({ peft_type: 'LORA', task_type: null, auto_mapping: mapping }, layers)).toMatch(
    /cannot be loaded.*BertForNextSentencePrediction/,
  );
});
