import type { DecoderType } from '../architecture/decoder-types.js';
import type { DecoderFamily } from './family.js';
import { gpt2 } from './gpt2.js';
import { llama, qwen2, qwen3 } from './llama.js';

const families: Readonly<Record<DecoderType, DecoderFamily>> = { gpt2, llama, qwen2, qwen3 };

export const decoderFamilyOf = (modelType: DecoderType): DecoderFamily => families[modelType];
