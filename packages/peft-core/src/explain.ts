import type { HostSpec } from './host-spec.js';
import type { PeftMethod } from './method.js';
import { namespaceOf } from './parameters.js';
import {
  countParameters,
  type EffectiveSpec,
  notesOn,
  type ParameterCount,
  type ParameterPlan,
  sizeOf,
} from './plan.js';
import { leavesOf } from './select-parts.js';

/** Parameters that are alike but for the layer they act in. */
export interface ExplainedRow {
  /** `encoder.layer.*.attention.self.query`; empty for parameters without a site. */
  readonly site: string;
  /** Layers in order; empty outside of layers. */
  readonly layers: readonly number[];
  /** Their name behind that of the site: `down`. */
  readonly parameter: string;
  readonly shape: readonly number[];
  /** In all layers together. */
  readonly numbers: number;
  /** How a simplex mixes them. */
  readonly mixed: 'per example' | 'by outputs' | 'per batch' | 'shared by all vertices' | 'buffer';
}

/** One method of a composition: its names, kinds and parameters. */
export interface ExplainedPart {
  readonly type: string;
  /** Names its parameters begin with. */
  readonly namespaces: readonly string[];
  /** Through which kinds of interventions it acts; empty if the method does not say. */
  readonly kinds: readonly string[];
  readonly rows: readonly ExplainedRow[];
}

/** A plan as people read it. */
export interface Explanation {
  readonly type: string;
  readonly host: string;
  readonly parts: readonly ExplainedPart[];
  readonly counts: ParameterCount;
  readonly warnings: readonly string[];
}

/** What a method would train on a host and where it acts, before a tensor exists. Errors: those of the method's plan. */
export function explain(method: PeftMethod, host: HostSpec): Explanation {
  const plan = method.plan(host);
  return {
    type: method.type,
    host: host.name,
    parts: leavesOf(method).map((part) => ({
      type: describeType(part),
      namespaces: part.namespaces,
      kinds: part.kinds ?? [],
      rows: rowsOf(plan, part.namespaces),
    })),
    counts: countParameters(plan),
    warnings: notesOn(plan, host),
  };
}

/** Lines for a terminal. */
export function formatExplanation({ type, host, parts, counts, warnings }: Explanation): string {
  const lines = parts.flatMap((part) => [
    '',
    `${part.type} (${part.namespaces.join(', ')})${part.kinds.length > 0 ? ` acts through ${part.kinds.join(', ')}` : ''}`,
    ...part.rows.map(
      ({ site, layers, parameter, shape, numbers, mixed }) =>
        `  ${[site || 'no site', ...(layers.length > 0 ? [`layers ${ranges(layers)}`] : [])].join(', ')}: ${parameter} [${shape.join(', ')}], ${numbers.toLocaleString('en')} numbers, ${mixed}`,
    ),
  ]);
  const buffers = counts.buffers > 0 ? `, ${counts.buffers.toLocaleString('en')} in buffers` : '';
  return [
    `${type} on ${host}: ${counts.trainable.toLocaleString('en')} trainable numbers${buffers}`,
    ...lines,
    ...(warnings.length > 0 ? ['', ...warnings.map((warning) => `note: ${warning}`)] : []),
  ].join('\n');
}

/** `SUBSPACE of COMPOSE of LORA + HEAD`. */
const describeType = ({ type, parts }: PeftMethod): string =>
  parts ? `${type} of ${parts.map(describeType).join(' + ')}` : type;

function rowsOf({ effective, buffers = [] }: ParameterPlan, namespaces: readonly string[]): ExplainedRow[] {
  const rows = new Map<string, ExplainedRow>();
  const own = ({ name }: { readonly name: string }) => namespaces.includes(namespaceOf(name));
  const add = (name: string, site: string, shape: readonly number[], mixed: ExplainedRow['mixed']) => {
    const layer = /\.(\d+)\./.exec(site);
    const pattern = layer ? site.replace(layer[0], '.*.') : site;
    const parameter =
      site !== '' && name.includes(`${site}.`) ? name.slice(name.indexOf(`${site}.`) + site.length + 1) : name;
    const key = [pattern, parameter, shape.join(), mixed].join(' ');
    const known = rows.get(key);
    const layers = layer ? [...new Set([...(known?.layers ?? []), Number(layer[1])])] : [];
    const numbers = (known?.numbers ?? 0) + sizeOf(shape);
    rows.set(key, { site: pattern, layers, parameter, shape, numbers, mixed });
  };
  for (const spec of effective.filter(own)) add(spec.name, spec.site ?? '', spec.shape, mixingOf(spec));
  for (const { name, shape, places } of buffers.filter(own))
    add(name, places ? places.tensor.slice(0, places.tensor.lastIndexOf('.')) : '', shape, 'buffer');
  return [...rows.values()];
}

function mixingOf({ shared, perExample }: EffectiveSpec): ExplainedRow['mixed'] {
  if (shared) return 'shared by all vertices';
  return ({ axis: 'per example', outputs: 'by outputs', none: 'per batch' } as const)[perExample];
}

/** `0 to 5`, `0, 2`. */
const ranges = (layers: readonly number[]): string =>
  layers.length > 2 && layers.every((layer, index) => layer === layers[0]! + index)
    ? `${layers[0]} to ${layers.at(-1)}`
    : layers.join(', ');
