import {
  composeDefinition,
  headDefinition,
  savedModulesDefinition,
  savedTokensDefinition,
  tokenHeadDefinition,
} from '@tfjs-peft/peft-core';
import type { MethodDefinition } from '@tfjs-peft/peft-core/authoring';
import { adapterDefinition } from '@tfjs-peft/adapter';
import { bitfitDefinition, layerNormTuningDefinition } from '@tfjs-peft/bitfit';
import { fullDefinition } from '@tfjs-peft/full';
import { hfMethodDefinitions } from '@tfjs-peft/hf-methods';
import { ia3Definition } from '@tfjs-peft/ia3';
import { loraDefinition } from '@tfjs-peft/lora';
import { prefixDefinition } from '@tfjs-peft/prefix';
import { promptDefinition, pTuningDefinition } from '@tfjs-peft/prompt';
import { labelWordHeadDefinition } from '@tfjs-peft/prompting';
import { shiraDefinition, siftDefinition } from '@tfjs-peft/sift';
import { noiseDefinition, subspaceDefinition } from '@tfjs-peft/subspace';
import { tamsDefinition } from '@tfjs-peft/tams';
import { tarpDefinition } from '@tfjs-peft/tarp';
import { unipeltDefinition } from '@tfjs-peft/unipelt';

/** The definitions of all methods of this repository. */
export const builtInDefinitions = [
  headDefinition,
  labelWordHeadDefinition,
  composeDefinition,
  subspaceDefinition,
  noiseDefinition,
  prefixDefinition,
  loraDefinition,
  adapterDefinition,
  ia3Definition,
  promptDefinition,
  pTuningDefinition,
  bitfitDefinition,
  layerNormTuningDefinition,
  fullDefinition,
  unipeltDefinition,
  siftDefinition,
  shiraDefinition,
  tarpDefinition,
  tamsDefinition,
  savedModulesDefinition,
  savedTokensDefinition,
  tokenHeadDefinition,
  ...hfMethodDefinitions,
] as unknown as readonly MethodDefinition[];
