import { PeftError, type Site } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import {
  anyLength,
  type Intervention,
  interventionKinds,
  modulePathOf,
  rulesOf,
  type TensorRule,
} from '@tfjs-peft/peft-core/interventions';
import { readoutUnavailable } from './readout-unavailable.js';
import type { SiteIndex } from './site-index.js';

/**
 * Holds an intervention against the rules of its kind.
 * Errors: `INTERVENTION_KIND_UNKNOWN`, `INTERVENTION_PATH_UNKNOWN`, `INTERVENTION_MISSHAPEN`, `READOUT_UNAVAILABLE`.
 */
export function checkIntervention(intervention: Intervention, sites: SiteIndex, batchSize: number): void {
  if (rulesOf(intervention) === undefined)
    throw new PeftError('INTERVENTION_KIND_UNKNOWN', {
      found: `an intervention of kind "${String(intervention.kind)}"`,
      expected: `one of ${interventionKinds.join(', ')}`,
      fix: 'use versions of the method and of the host that belong together',
    });
  const site = siteOf(intervention, sites);
  if (intervention.kind === 'readout' && site.kind === 'readout' && !site.readouts.includes(intervention.readout))
    throw readoutUnavailable(intervention.readout, sites.name, site.readouts);
  for (const rule of rulesOf(intervention).tensors(intervention, site)) requireShape(intervention, rule, batchSize);
}

/** Where it acts: one site, by its path if it has one. Errors: `INTERVENTION_PATH_UNKNOWN`. */
function siteOf(intervention: Intervention, index: SiteIndex): Site {
  const { sites: kinds } = rulesOf(intervention);
  const at = 'path' in intervention ? modulePathOf(intervention) : undefined;
  for (const kind of kinds) {
    const site = at === undefined ? index.only(kind) : index.find(kind, at);
    if (site) return site;
  }
  const paths = index.pathsOf(kinds);
  const close = at === undefined ? [] : nearMisses(at, paths);
  throw new PeftError('INTERVENTION_PATH_UNKNOWN', {
    found: `${intervention.kind} at "${at ?? kinds[0]}", which host "${index.name}" does not have`,
    expected: close.length > 0 ? `perhaps ${close.join(', ')}` : `a path such as ${paths[0]}`,
    fix: "take paths from the host's sites",
  });
}

function requireShape(intervention: Intervention, rule: TensorRule, batchSize: number): void {
  const { shape } = rule.tensor;
  const fits = (lengths: readonly number[]) =>
    lengths.length === rule.shape.length &&
    lengths.every((length, place) => (rule.shape[place] === anyLength ? length > 0 : length === rule.shape[place]));
  const perExample = () => shape[0] === batchSize && fits(shape.slice(1));
  const plain = rule.shape.map((length) => (length === anyLength ? 'n' : length)).join(', ');
  const each = `[${[batchSize, ...(plain === '' ? [] : [plain])].join(', ')}]`;
  switch (rule.form) {
    case undefined:
      if (!fits(shape)) throw misshapen(intervention, rule, `[${plain}]`);
      return;
    case 'axis':
      if (!fits(shape) && !perExample()) throw misshapen(intervention, rule, `[${plain}] or ${each}`);
      return;
    case 'batch':
      if (!perExample()) throw misshapen(intervention, rule, each);
      return;
    case 'broadcast':
      if (!broadcasts(shape, rule.shape))
        throw misshapen(intervention, rule, `a shape that broadcasts over [${plain}]`);
  }
}

function broadcasts(shape: readonly number[], over: readonly number[]): boolean {
  const offset = over.length - shape.length;
  return offset >= 0 && shape.every((length, place) => length === 1 || length === over[place + offset]);
}

const misshapen = (intervention: Intervention, { field, tensor }: TensorRule, expected: string) =>
  new PeftError('INTERVENTION_MISSHAPEN', {
    found: `${intervention.kind}${'path' in intervention ? ` at "${intervention.path}"` : ''}: ${field} has shape [${tensor.shape.join(', ')}]`,
    expected,
    fix: 'compare the plan of the method with the sites of this host',
  });
