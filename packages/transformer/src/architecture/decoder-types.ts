/** Names of the architectures of decoders in config.json. */
export const decoderTypes = ['gpt2', 'llama', 'qwen2', 'qwen3'] as const;

/** `gpt2`, `llama`, … */
export type DecoderType = (typeof decoderTypes)[number];

export const isDecoderType = (name: unknown): name is DecoderType => decoderTypes.some((known) => known === name);
