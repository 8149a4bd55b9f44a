import type { MethodDefinition } from '@tfjs-peft/peft-core/authoring';
import { adalora } from './methods/adalora.js';
import { beft } from './methods/beft.js';
import { boft } from './methods/boft.js';
import { c3a } from './methods/c3a.js';
import { delora } from './methods/delora.js';
import { fourierft } from './methods/fourierft.js';
import { hira } from './methods/hira.js';
import { hra } from './methods/hra.js';
import { loha } from './methods/loha.js';
import { lokr } from './methods/lokr.js';
import { bone, miss } from './methods/miss.js';
import { oft } from './methods/oft.js';
import { randlora } from './methods/randlora.js';
import { road } from './methods/road.js';
import { trainableTokensDefinition } from './methods/trainable-tokens.js';
import { vblora } from './methods/vblora.js';
import { vera } from './methods/vera.js';

export {
  adalora,
  beft,
  boft,
  bone,
  c3a,
  delora,
  fourierft,
  hira,
  hra,
  loha,
  lokr,
  miss,
  oft,
  randlora,
  road,
  vblora,
  vera,
};
export { trainableTokens, trainableTokensDefinition, type TrainableTokensConfig } from './methods/trainable-tokens.js';
export type { MadeMethod } from './weight-method.js';

/** The definitions of all methods of this package. */
export const hfMethodDefinitions: readonly MethodDefinition[] = [
  ...[
    adalora,
    beft,
    boft,
    bone,
    c3a,
    delora,
    fourierft,
    hira,
    hra,
    loha,
    lokr,
    miss,
    oft,
    randlora,
    road,
    vblora,
    vera,
  ].map(({ definition }) => definition),
  trainableTokensDefinition as unknown as MethodDefinition,
];
