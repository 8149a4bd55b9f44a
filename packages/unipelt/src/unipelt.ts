import { type Host, type HostSpec, type Parameters, PeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import {
  effectiveParameters,
  getParameter,
  type MethodDefinition,
  type Objective,
  parseConfig,
  type Preparation,
  selectNamespaces,
} from '@tfjs-peft/peft-core/authoring';
import { interventionKinds, isGateable } from '@tfjs-peft/peft-core/interventions';
import type * as z from 'zod';
import { chooseGated } from './choose-gated.js';
import { type UnipeltConfig, unipeltConfig } from './config.js';
import { exampleGate } from './example-gate.js';
import { gateIntervention, unsupported } from './gate-intervention.js';
import { gateName, gateNamespace, planGates } from './plan-gates.js';

/** Makes gated unions known by name: type `UNIPELT`. */
export const unipeltDefinition: MethodDefinition<typeof unipeltConfig> = {
  type: 'UNIPELT',
  config: unipeltConfig,
  create: (config, [part, ...others]) => {
    if (part && others.length === 0) return createUnipelt(part, config);
    throw new PeftError('CONFIG_INVALID', {
      found: `a UNIPELT of ${others.length + (part ? 1 : 0)} methods`,
      expected: 'exactly one (a COMPOSE counts as one)',
    });
  },
};

/**
 * UniPELT (Mao et al. 2022, arXiv 2110.07577): a composition whose prefixes, low-rank deltas and bottleneck adapters each have a gate, one
 * number an example that their input sets. The gates' own parameters stand beside those of the parts; everything else is the parts'. Gates are
 * functions of the text, so that nothing of it merges into weights.
 *
 * Errors: `CONFIG_INVALID`, `NOTHING_TO_GATE`, `GATE_TARGET_UNKNOWN`, `GATE_AMBIGUOUS`, `WRAPPED_TWICE`, `NAMESPACE_TAKEN`; `plan` and
 * `intervene`: `GATE_UNSUPPORTED`.
 */
export function unipelt(method: PeftMethod, config: z.input<typeof unipeltConfig> = {}): PeftMethod<UnipeltConfig> {
  const parsed = parseConfig(unipeltConfig, config, 'unipelt');
  const gated = createUnipelt(method, parsed);
  if (parsed.gates === null && gated.namespaces.length === method.namespaces.length)
    throw new PeftError('NOTHING_TO_GATE', {
      found: `no part to gate among ${method.namespaces.join(', ')}`,
      expected: `a part whose effects can be gated: ${interventionKinds.filter(isGateable).join(', ')}`,
      fix: 'name the parts that emit such effects in `gates`',
    });
  return gated;
}

/** True for a gated union, also one that another copy of this package made. */
export const isUnipelt = (method: PeftMethod): method is PeftMethod<UnipeltConfig> =>
  method.type === unipeltDefinition.type;

function createUnipelt(inner: PeftMethod, config: UnipeltConfig): PeftMethod<UnipeltConfig> {
  if (containsUnipelt(inner))
    throw new PeftError('WRAPPED_TWICE', {
      found: 'gates around a method that has gates already',
      fix: 'wrap once, around the composition: unipelt(compose(a, b))',
    });
  const parts = chooseGated(inner, config);
  const ofGates = parts.flatMap(({ gated }) => (gated === null ? [] : [gateNamespace(config, gated)]));
  requireFree(ofGates, inner);
  const own = (parameters: Parameters) => selectNamespaces(parameters, ofGates);
  const inside = (parameters: Parameters) => selectNamespaces(parameters, inner.namespaces);
  const join = (innerParameters: Parameters, all: Parameters): Parameters => new Map([...innerParameters, ...own(all)]);
  const gateAt = (effective: Parameters, part: PeftMethod, gated: string, host: HostSpec) => (path: string) => {
    const name = gateName(config, gated, path);
    if (!effective.has(`${name}.weight`) && !part.plan(host).effective.some(({ site }) => site === path))
      throw unsupported(gated, `acts at "${path}", where it has no parameters`);
    return exampleGate(getParameter(effective, `${name}.weight`), getParameter(effective, `${name}.bias`));
  };

  return {
    type: unipeltDefinition.type,
    config,
    namespaces: [...inner.namespaces, ...ofGates],
    ...(inner.kinds && { kinds: inner.kinds }),
    parts: [inner],
    // Gates go with their part.
    withParts([part]) {
      const gates = config.gates?.filter((name) => part!.namespaces.includes(name)) ?? null;
      return createUnipelt(part!, Object.freeze({ ...config, gates }));
    },
    plan(host) {
      const { raw, effective, ...rest } = inner.plan(host);
      const gates = parts.flatMap((part) => planGates(part, config, host));
      return {
        ...rest,
        raw: [...raw, ...gates.map(({ raw: spec }) => spec)],
        effective: [...effective, ...gates.map(({ effective: spec }) => spec)],
      };
    },
    ...(inner.reparametrise && {
      reparametrise: (raw: Parameters, host: HostSpec) => join(effectiveParameters(inner, inside(raw), host), raw),
    }),
    intervene: (effective, context) =>
      parts.flatMap(({ part, gated }) => {
        const items = part.intervene(selectNamespaces(effective, part.namespaces), context);
        if (gated === null) return items;
        return items.map((item) => gateIntervention(item, gateAt(effective, part, gated, context.host), gated));
      }),
    ...(inner.penalty && { penalty: (effective, context) => inner.penalty!(inside(effective), context) }),
    ...(inner.objective && { objective: <T>(objective: Objective<T>) => inner.objective!(objective) }),
    ...(inner.prepare && {
      prepare: async (host: Host, preparation: Preparation) =>
        createUnipelt(await inner.prepare!(host, preparation), config),
    }),
    ...(inner.afterStep && { afterStep: (raw: Parameters) => join(inner.afterStep!(inside(raw)), raw) }),
    ...(inner.fold && {
      fold(effective: Parameters) {
        const folded = inner.fold!(inside(effective));
        return { method: createUnipelt(folded.method, config), effective: join(folded.effective, effective) };
      },
    }),
  };
}

const containsUnipelt = (method: PeftMethod): boolean =>
  isUnipelt(method) || (method.parts ?? []).some(containsUnipelt);

function requireFree(ofGates: readonly string[], inner: PeftMethod): void {
  const taken = ofGates.find((namespace) => inner.namespaces.includes(namespace));
  if (taken === undefined) return;
  throw new PeftError('NAMESPACE_TAKEN', {
    found: `a part is named "${taken}", as the gates would be`,
    expected: 'one name each',
    fix: 'give the gates another `name`',
  });
}
