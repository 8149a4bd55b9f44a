import { join } from 'node:path';
import { bitfit, layerNormTuning } from '@tfjs-peft/bitfit';
import { fullFineTuning } from '@tfjs-peft/full';
import { ia3 } from '@tfjs-peft/ia3';
import { lora } from '@tfjs-peft/lora';
import { compose, disposeParameters, head, type Host, type PeftMethod, toParameters } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { prompt, pTuning } from '@tfjs-peft/prompt';
import { shira, sift } from '@tfjs-peft/sift';
import { subspace } from '@tfjs-peft/subspace';
import { labelledTask, parseTrainConfig, train } from '@tfjs-peft/train';
import type { HostFolder, ParityCase } from './parity-case.js';
import { effectOf, logitsOf, saveFor } from './save-again.js';
import { saveMerged } from './save-merged.js';

/** Methods that HF peft can load; gates and differences get starts that keep the vertices of a simplex apart. */
const methods: Readonly<Record<string, () => PeftMethod>> = {
  LoRA: () => lora({ rank: 4 }),
  DoRA: () => lora({ rank: 4, dora: true }),
  IA3: () => ia3({ initialStandardDeviation: 0.1 }),
  'LN tuning': () => layerNormTuning({ initialStandardDeviation: 0.1 }),
  SIFT: () => sift({ rate: 0.1, targets: ['query.weight', 'feedForwardIn.weight'], initialStandardDeviation: 0.1 }),
  SHiRA: () => shira({ rank: 2, initialStandardDeviation: 0.1 }),
  'prompt tuning': () => prompt({ length: 5, initialStandardDeviation: 0.3 }),
  'P-tuning': () => pTuning({ length: 5, encoderHiddenSize: 16 }),
  'flat prefix': () =>
    prefix({ prefixLength: 5, reparametrisation: 'none', initialStandardDeviation: 0.3, positionPolicy: 'shift' }),
  'MLP prefix': () =>
    prefix({ prefixLength: 5, mlpHiddenSize: 16, initialStandardDeviation: 0.3, positionPolicy: 'shift' }),
};

/** Methods that HF peft has not: as weights of a model they reach HF transformers all the same. */
const mergedAlone: Readonly<Record<string, () => PeftMethod>> = {
  BitFit: () => bitfit({ initialStandardDeviation: 0.1 }),
  'full fine-tuning': () => fullFineTuning({}),
  'LoRA, IA3 and BitFit': () =>
    compose(lora({ rank: 4 }), ia3({ initialStandardDeviation: 0.1 }), bitfit({ initialStandardDeviation: 0.1 })),
};

/** HF peft has no prefixes on DistilBERT. */
const loadable = (name: string, host: Host) => !(name.endsWith('prefix') && host.spec.modelType === 'distilbert');

/** The method with the head that HF's classifier of the host has. */
function withHead(method: PeftMethod, { spec: { classifier } }: Host): PeftMethod {
  const labels = ['LABEL_0', 'LABEL_1', 'LABEL_2'];
  const { readout, hidden: { norm, activation = 'none' } = {} } = classifier;
  const layout = { labels, readout, ...(norm !== undefined && { normalised: true as const }) };
  return compose(method, head({ ...layout, hidden: activation, initialStandardDeviation: 0.3 }));
}

async function trainSteps(method: PeftMethod, host: Host, { inputs }: HostFolder) {
  const texts = inputs.input_ids.map((ids, row) => ids.filter((_, token) => inputs.attention_mask[row]![token] === 1));
  const { method: trained, effective } = await train({
    host,
    method,
    ...labelledTask({
      train: texts.map((inputIds, row) => ({
        text: { inputIds, tokenTypeIds: inputIds.map(() => 0) },
        label: row % 3,
      })),
    }),
    config: parseTrainConfig({ steps: 5, batchSize: 4, learningRate: 3e-2, warmupRatio: 0, patience: null }),
    seed: 1,
  });
  return { method: trained, effective: toParameters(effective), hostFingerprint: host.spec.fingerprint };
}

/** Trains every method for a few steps on a host, plain and as a simplex, and saves it (a simplex is its midpoint there) below `out`. */
export async function saveTrained(
  folder: HostFolder,
  host: Host,
  out: string,
  chosen: (name: string) => boolean,
): Promise<ParityCase[]> {
  const cases: ParityCase[] = [];
  const all = { ...methods, ...mergedAlone };
  for (const [method, make] of Object.entries(all).filter(([name]) => loadable(name, host)))
    for (const isSimplex of [false, true]) {
      const name = `trained ${method}${isSimplex ? ', simplex' : ''}`;
      if (!chosen(name)) continue;
      const plain = withHead(make(), host);
      const adapter = await trainSteps(isSimplex ? subspace(plain, { vertices: 3 }) : plain, host, folder);
      const expected = await logitsOf(host, adapter, folder);
      const known = { host: folder, name, expected, effect: await effectOf(host, adapter, folder) };
      try {
        const merged = await saveMerged(join(out, `${name}, merged`), adapter, host, folder);
        const saved = method in mergedAlone ? undefined : await saveFor(join(out, name), adapter, host);
        cases.push({ ...known, saved, merged });
      } catch (error) {
        cases.push({ ...known, failure: String(error) });
      }
      disposeParameters(adapter.effective);
    }
  return cases;
}
