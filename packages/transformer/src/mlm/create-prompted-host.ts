import {
  type Context,
  type Host,
  type HostInputs,
  type HostOutputs,
  type HostSpec,
  PeftError,
} from '@tfjs-peft/peft-core';
import { logitsAlone } from '@tfjs-peft/peft-core/authoring';
import { sha256Hex } from '@tfjs-peft/peft-core/files';
import type { Interventions, ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { type EncoderHost, requireEncoder } from '../encoder/create-host.js';
import { readoutPath } from '../encoder/list-sites.js';
import { pickMarked } from '../model/pick-tokens.js';
import { applyHead } from '../model/apply-head.js';
import { marksWithPrompts } from '../model/host-inputs.js';
import { readoutUnavailable } from '../model/readout-unavailable.js';
import type { MlmHead } from './create-mlm-head.js';

/** Under these paths the host shows its words: rows `[vocabulary, hidden]` and biases `[vocabulary]`. */
const decoder = { weight: 'cls.predictions.decoder.weight', bias: 'cls.predictions.decoder.bias' } as const;

/** What the mask is read with, and how it is found. */
export interface PromptedHostOptions {
  readonly mlmHead: MlmHead;
  /** The token that is read; each text must have exactly one. */
  readonly maskTokenId: number;
}

/**
 * The host with one more readout, `mask`, its usual one: what the frozen head of a masked language model makes of the state at the mask, before the
 * product with words. A head at it whose weight holds rows of words gives the logits of these words, so that every method, objective and
 * wrapper works on prompts as on any texts. Has a fingerprint of its own. Host and head stay with the caller: `dispose` frees neither.
 * A pass does not read ids back: check texts with {@link requireMasks} first.
 */
export function createPromptedHost(given: Host, { mlmHead, maskTokenId }: PromptedHostOptions): EncoderHost {
  const host = requireEncoder(given);
  const spec = specOf(host.spec, mlmHead, maskTokenId);
  const forward = (inputs: HostInputs, interventions: Interventions, context: Context): HostOutputs => {
    const heads = interventions.filter(
      (item): item is ReadoutMap => item.kind === 'readout' && item.readout === 'mask',
    );
    if (heads.length === 0) return host.forward(inputs, interventions, context);
    return tf.tidy(() => {
      const others = interventions.filter((item) => !heads.includes(item as ReadoutMap));
      const marks = inputs.inputIds.equal(maskTokenId).toFloat();
      const logitsOf = (state: tf.Tensor3D) => {
        const [batch, , size] = state.shape;
        const features = mlmHead.features(state).reshape([batch, size]) as tf.Tensor2D;
        return applyHead(features, heads[0]!, readoutPath, { context, config: host.config });
      };
      if (context.reads === 'logits') return logitsAlone(logitsOf(host.stateAt(inputs, others, context, marks)));
      const { lastHiddenState } = host.forward(inputs, others, context);
      const pick = pickMarked(marksWithPrompts(marks, lastHiddenState.shape[1]));
      return { lastHiddenState, logits: logitsOf(pick(lastHiddenState) as tf.Tensor3D) };
    });
  };
  return {
    ...host,
    spec,
    forward,
    readOut(lastHiddenState, attentionMask, readout) {
      // The states alone do not say where the mask is.
      if (readout === 'mask') throw readoutUnavailable(readout, spec.name, readoutsOf(host.spec));
      return host.readOut(lastHiddenState, attentionMask, readout);
    },
    weight: (path) =>
      path === decoder.weight
        ? mlmHead.decoder.weight
        : path === decoder.bias
          ? mlmHead.decoder.bias
          : host.weight(path),
    async withWeights(changes) {
      const changed = await host.withWeights(changes);
      return { ...createPromptedHost(changed, { mlmHead, maskTokenId }), dispose: () => changed.dispose() };
    },
    dispose: () => {},
  };
}

/** Errors: `PROMPT_MASK_MISSING` for a text without exactly one mask. */
export function requireMasks(texts: readonly { readonly inputIds: readonly number[] }[], maskTokenId: number): void {
  const wrong = texts.findIndex(({ inputIds }) => inputIds.filter((id) => id === maskTokenId).length !== 1);
  if (wrong < 0) return;
  throw new PeftError('PROMPT_MASK_MISSING', {
    found: `text ${wrong} with ${texts[wrong]!.inputIds.filter((id) => id === maskTokenId).length} masks`,
    expected: 'exactly one, which no truncation has cut off',
    fix: 'render texts with a template (`renderPrompt`), which keeps the mask',
  });
}

const readoutsOf = ({ sites }: HostSpec) => sites.flatMap((site) => (site.kind === 'readout' ? site.readouts : []));

const specOf = (spec: HostSpec, { digest }: MlmHead, maskTokenId: number): HostSpec => ({
  ...spec,
  defaultReadout: 'mask',
  sites: spec.sites.map((site) => (site.kind === 'readout' ? { ...site, readouts: ['mask', ...site.readouts] } : site)),
  fingerprint: sha256Hex(`${spec.fingerprint} ${digest} ${maskTokenId}`),
});
