import { type HostSpec, sitesOfKind } from '@tfjs-peft/peft-core';
import { namespaceOf, type ParameterPlan } from '@tfjs-peft/peft-core/authoring';

/**
 * Names of the raw parameters that belong to a head: those that are themselves effective at a readout site, and those of a namespace
 * whose effective parameters all act there (a head behind a reparametrisation).
 */
export function headParameterNames({ raw, effective }: ParameterPlan, host: HostSpec): Set<string> {
  const readouts = new Set(sitesOfKind(host, 'readout').map(({ path }) => path));
  const atReadout = new Set(
    effective.filter(({ site }) => site !== undefined && readouts.has(site)).map(({ name }) => name),
  );
  const elsewhere = new Set(effective.filter(({ name }) => !atReadout.has(name)).map(({ name }) => namespaceOf(name)));
  const wholly = new Set([...atReadout].map(namespaceOf).filter((namespace) => !elsewhere.has(namespace)));
  return new Set(raw.map(({ name }) => name).filter((name) => atReadout.has(name) || wholly.has(namespaceOf(name))));
}
