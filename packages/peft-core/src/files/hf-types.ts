/** How a method of HF peft that nothing here reads can still be used. */
type WayOut = 'merge' | 'elsewhere';

/** Why a method of HF peft is not read here, and what to do instead. */
interface UnreadType {
  readonly reason: string;
  readonly wayOut: WayOut;
}

const weights = (reason: string): UnreadType => ({ reason, wayOut: 'merge' });
const passes = (reason: string): UnreadType => ({ reason, wayOut: 'elsewhere' });

const ofSingularValues =
  "its factors come from a decomposition of the host's weights, which is made anew wherever it is loaded";
const onlyDecoders =
  'it changes how a decoder reads a text, by more than prefixes and prompts do, and that is not implemented';

/** The types of HF peft 0.21 that no method of this repository reads, by `peft_type`, each with the reason. */
export const unreadHfTypes: ReadonlyMap<string, UnreadType> = new Map([
  ['ADAMSS', weights(ofSingularValues)],
  ['ADAPTION_PROMPT', passes(onlyDecoders)],
  ['CARTRIDGE', passes(onlyDecoders)],
  ['CPT', passes(onlyDecoders)],
  ['DEFT', weights('its projection of the weights is not implemented')],
  ['FROD', weights(ofSingularValues)],
  [
    'LILY',
    passes('a router mixes its factors by the text, so that it is no change of weights, and that is not implemented'),
  ],
  ['MULTITASK_PROMPT_TUNING', passes('it wants the number of a task with every text')],
  ['OSF', weights(ofSingularValues)],
  ['PEANUT', weights('its network over the weights is not implemented')],
  ['POLY', passes('it wants the number of a task with every text')],
  ['PSOFT', weights(ofSingularValues)],
  ['SHADOW', passes(onlyDecoders)],
  ['SUPERTUNING', weights('its places of weights are not implemented')],
  ['TINYLORA', weights(ofSingularValues)],
  ['XLORA', passes('it mixes several adapters by the text')],
]);

/** What to do with an adapter of a type that is not read. */
export const wayOutOf = ({ wayOut }: UnreadType): string =>
  wayOut === 'merge'
    ? 'merge it into its model in HF peft (merge_and_unload) and load that model as the host, or train the adapter again with another method'
    : 'use it in HF peft, or train the adapter again with another method';

/** All types of HF peft 0.21, and `BONE`, which earlier versions wrote. */
export const hfTypes: readonly string[] = [
  ...unreadHfTypes.keys(),
  ...(
    'ADALORA BEFT BOFT BONE C3A DELORA FOURIERFT GLORA GRALORA HIRA HRA IA3 LN_TUNING LOHA LOKR LORA MISS OFT PREFIX_TUNING PROMPT_TUNING P_TUNING ' +
    'PVERA RANDLORA ROAD SHIRA TRAINABLE_TOKENS UNILORA VBLORA VERA WAVEFT'
  ).split(' '),
].sort();
