import { adapter, parBnConfig } from '@tfjs-peft/adapter';
import { bitfit, layerNormTuning } from '@tfjs-peft/bitfit';
import { fullFineTuning } from '@tfjs-peft/full';
import { adalora, fourierft, loha, oft, road, vera } from '@tfjs-peft/hf-methods';
import { ia3 } from '@tfjs-peft/ia3';
import { lora } from '@tfjs-peft/lora';
import { compose, type PeftMethod } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { prompt, pTuning } from '@tfjs-peft/prompt';
import { shira, sift } from '@tfjs-peft/sift';
import { tams } from '@tfjs-peft/tams';
import { tarp } from '@tfjs-peft/tarp';
import { unipelt } from '@tfjs-peft/unipelt';

/** The rows of the capability matrix: every method of the repository, small. Heads are added by the probes. */
export const subjects: readonly { readonly name: string; readonly make: () => PeftMethod }[] = [
  { name: 'prefix (MLP)', make: () => prefix({ prefixLength: 3, mlpHiddenSize: 5 }) },
  {
    name: 'prefix (flat, positions as in HF peft)',
    make: () => prefix({ prefixLength: 3, reparametrisation: 'none', positionPolicy: 'shift' }),
  },
  { name: 'LoRA', make: () => lora({ rank: 2 }) },
  { name: 'LoRA with biases', make: () => lora({ rank: 2, bias: 'lora_only' }) },
  { name: 'LoRA of embeddings', make: () => lora({ rank: 2, targets: '.*\\.(word|tok)_embeddings' }) },
  { name: 'DoRA', make: () => lora({ rank: 2, dora: true }) },
  { name: 'IA3', make: () => ia3() },
  { name: 'AdaLoRA', make: () => adalora({ init_r: 2 }) },
  { name: 'LoHa', make: () => loha({ r: 2 }) },
  { name: 'VeRA', make: () => vera({ r: 3 }) },
  { name: 'FourierFT', make: () => fourierft({ n_frequency: 12 }) },
  { name: 'OFT', make: () => oft({ oft_block_size: 4 }) },
  { name: 'RoAd', make: () => road({ group_size: 4 }) },
  { name: 'bottleneck adapter', make: () => adapter({ bottleneckSize: 3 }) },
  { name: 'bottleneck adapter (normed)', make: () => adapter({ placement: 'normed', bottleneckSize: 3 }) },
  { name: 'bottleneck adapter (parallel)', make: () => adapter(parBnConfig({ bottleneckSize: 3 })) },
  { name: 'prompt tuning', make: () => prompt({ length: 3 }) },
  { name: 'P-tuning (MLP)', make: () => pTuning({ length: 3, encoderHiddenSize: 4 }) },
  {
    name: 'P-tuning (LSTM)',
    make: () => pTuning({ length: 3, encoder: 'lstm', encoderHiddenSize: 4, encoderLayers: 1 }),
  },
  { name: 'BitFit', make: () => bitfit() },
  { name: 'LN tuning', make: () => layerNormTuning() },
  {
    name: 'UniPELT',
    make: () =>
      unipelt(
        compose(
          prefix({ prefixLength: 3, reparametrisation: 'none' }),
          lora({ rank: 2 }),
          adapter({ bottleneckSize: 3 }),
        ),
      ),
  },
  {
    name: 'prefix + LoRA + IA3',
    make: () => compose(prefix({ prefixLength: 3, reparametrisation: 'none' }), lora({ rank: 2 }), ia3()),
  },
  { name: 'SIFT', make: () => sift({ rate: 0.05 }) },
  { name: 'SHiRA', make: () => shira({ rank: 1 }) },
  { name: 'TARP (dynamic)', make: () => tarp({ rank: 2 }) },
  { name: 'TARP (dynamic, static scale)', make: () => tarp({ rank: 2, scale: 'softplus' }) },
  { name: 'TARP (dynamic scale)', make: () => tarp({ rank: 2, dynamicScale: true }) },
  { name: 'TARP (bilinear)', make: () => tarp({ form: 'bilinear', rank: 2, scale: 'softplus' }) },
  { name: 'TARP (Kronecker)', make: () => tarp({ form: 'kronecker', rank: 2, blocks: 2, scale: 'softplus' }) },
  { name: 'TAMS (searching)', make: () => tams({ width: 4, nodes: 1, controllerSize: 4 }) },
  { name: 'TAMS (chosen)', make: () => tams({ width: 4, nodes: 1, architecture: ['conv3', 'glu'] }) },
  { name: 'full fine-tuning', make: () => fullFineTuning() },
];
