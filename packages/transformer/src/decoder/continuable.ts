import { type HostInputs, PeftError } from '@tfjs-peft/peft-core';
import type { Intervention, Interventions } from '@tfjs-peft/peft-core/interventions';
import type { Past } from './decoder-pass.js';

/** Whether an effect at a token depends on all tokens of its text, later ones among them: a gate that is a function of the text. */
export const seesWholeText = (item: Intervention): boolean => 'gate' in item && typeof item.gate === 'function';

/** Whether an effect treats each token for itself or only looks back, so that a text may come in pieces. */
function looksBackOnly(item: Intervention): boolean {
  if (seesWholeText(item)) return false;
  return item.kind === 'activationDelta' ||
    item.kind === 'dynamicWeightDelta' ||
    item.kind === 'sublayerAdapter' ||
    item.kind === 'hiddenDelta'
    ? item.perToken === true
    : true;
}

/** Whether a text may be run piece by piece under these effects and give what it gives at once. */
export const isContinuable = (interventions: Interventions): boolean => interventions.every(looksBackOnly);

/** Errors: `PAST_UNUSABLE`. */
export function requireContinuable(
  interventions: Interventions,
  { documentIds, inputIds }: HostInputs,
  past: Past | undefined,
  name: string,
): void {
  const unusable = (found: string, expected: string, fix: string) =>
    new PeftError('PAST_UNUSABLE', { found: `${found} on host "${name}"`, expected, fix });
  const whole = interventions.find((item) => !looksBackOnly(item));
  if (whole)
    throw unusable(
      `a ${whole.kind} that sees all tokens of a text at once`,
      'effects that treat each token for itself when a text comes in pieces',
      'run the whole text in one pass (forward)',
    );
  if (documentIds) throw unusable('several documents in a row', 'one text a row', 'continue texts that are not packed');
  if (past && past.mask.shape[0] !== inputIds.shape[0])
    throw unusable(
      `${inputIds.shape[0]} texts for a past of ${past.mask.shape[0]}`,
      'one row for each text',
      'pass the past of the same texts in the same order',
    );
}

/** Errors: `HOST_INPUTS_INVALID` for documents that share a row under an effect that looks from one token at others. */
export function requireDocumentsApart(interventions: Interventions, { documentIds }: HostInputs, name: string): void {
  const mixing =
    documentIds && interventions.find((item) => seesWholeText(item) || ('mixesTokens' in item && item.mixesTokens));
  if (!mixing) return;
  throw new PeftError('HOST_INPUTS_INVALID', {
    found: `several documents in a row and a ${mixing.kind} that sees other tokens, on host "${name}"`,
    expected: 'one document a row: what was packed is kept apart by attention alone',
    fix: 'do not pack texts for this method',
  });
}
