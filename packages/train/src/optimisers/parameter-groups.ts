import { type HostSpec, PeftError } from '@tfjs-peft/peft-core';
import { compilePattern, nearMisses, type ParameterPlan, type UpdateSettings } from '@tfjs-peft/peft-core/authoring';
import { headParameterNames } from './head-parameters.js';

/** Settings of some parameters that differ from all others'. A later group wins over an earlier one. */
export interface ParameterGroup {
  /** Raw parameters by name: a regular expression that must match the whole name, or `head`: those that act at the readout. */
  readonly parameters: string;
  readonly learningRate?: number;
  readonly weightDecay?: number;
  /** Keeps them at their initial values. */
  readonly frozen?: boolean;
}

/** Which parameters are trained, and with which rate and decay. */
export interface GroupedSettings {
  /** Names of what is trained. */
  readonly trained: readonly string[];
  /** Before the schedule. Decay acts on tensors of rank 2 and more unless a group says otherwise. */
  settingsOf(name: string): UpdateSettings;
}

/** Errors: `GROUP_MATCHES_NOTHING`, with near misses; `PATTERN_INVALID`. */
export function groupParameters(
  plan: ParameterPlan,
  host: HostSpec,
  usual: UpdateSettings,
  groups: readonly ParameterGroup[],
): GroupedSettings {
  const trainable = plan.raw.filter((spec) => spec.trainable !== false);
  const settings = new Map(
    trainable.map(({ name, shape }) => [
      name,
      { learningRate: usual.learningRate, weightDecay: shape.length >= 2 ? usual.weightDecay : 0, frozen: false },
    ]),
  );
  for (const { parameters, ...own } of groups) {
    const names = namesOf(parameters, plan, host).filter((name) => settings.has(name));
    if (names.length === 0) throw matchesNothing(parameters, [...settings.keys()]);
    const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
    for (const name of names) settings.set(name, { ...settings.get(name)!, ...given });
  }
  return {
    trained: [...settings].filter(([, { frozen }]) => !frozen).map(([name]) => name),
    settingsOf: (name) => settings.get(name)!,
  };
}

function namesOf(pattern: string, plan: ParameterPlan, host: HostSpec): string[] {
  if (pattern === 'head') return [...headParameterNames(plan, host)];
  const matches = compilePattern(pattern);
  return plan.raw.map(({ name }) => name).filter((name) => matches(name));
}

function matchesNothing(pattern: string, names: readonly string[]): PeftError {
  const close = nearMisses(pattern, names);
  return new PeftError('GROUP_MATCHES_NOTHING', {
    found: `a group of parameters "${pattern}" that matches none of ${names.length} trainable ones`,
    expected: close.length > 0 ? `perhaps ${close.join(', ')}` : `names such as ${names[0]}`,
    fix: 'correct the pattern, or leave the group out',
  });
}
