import { createRegistry, type MethodRegistry, PeftError } from '@tfjs-peft/peft-core';
import { type MethodDefinition, nearMisses } from '@tfjs-peft/peft-core/authoring';
import {
  createTaskRegistry,
  dataToTextTasks,
  glueTasks,
  languageTasks,
  personaTasks,
  sentenceTasks,
  spamSubjects,
  summarisationTasks,
  type TaskDefinition,
  type TaskRegistry,
} from '@tfjs-peft/glue-fewshot';
import { builtInDefinitions } from './definitions.js';
import { builtInPresets, type MethodPreset } from './presets.js';

/** What a module outside this repository adds: exported as `plugin`. */
export interface EvalPlugin {
  /** What messages call it; the module's name where it was loaded by name. */
  readonly name?: string;
  readonly methods?: readonly MethodDefinition[];
  readonly presets?: readonly MethodPreset[];
  readonly tasks?: readonly TaskDefinition[];
}

/** Everything that configurations may name. */
export interface Catalogue {
  readonly registry: MethodRegistry;
  readonly presets: ReadonlyMap<string, MethodPreset>;
  readonly tasks: TaskRegistry;
}

/**
 * The built-in methods, presets and tasks together with those of plugins. No name may be given twice: what a configuration means must not
 * depend on which plugins happen to be loaded. Errors: `METHOD_REGISTERED_TWICE`, `PRESET_REGISTERED_TWICE`, `TASK_DUPLICATE`.
 */
export function createCatalogue(plugins: readonly EvalPlugin[] = []): Catalogue {
  const builtIn = { name: 'tfjs-peft itself', methods: builtInDefinitions, presets: builtInPresets };
  const sources = [builtIn, ...plugins.map((plugin, index) => ({ ...plugin, name: nameOf(plugin, index) }))];
  const methods = gather(sources, 'METHOD_REGISTERED_TWICE', 'methods of type', (source) =>
    (source.methods ?? []).map((method) => [method.type, method]),
  );
  const presets = gather(sources, 'PRESET_REGISTERED_TWICE', 'presets called', (source) =>
    (source.presets ?? []).map((preset) => [preset.name, preset]),
  );
  return {
    registry: createRegistry(...methods.values()),
    presets,
    tasks: createTaskRegistry([
      spamSubjects,
      ...glueTasks,
      ...sentenceTasks,
      ...summarisationTasks,
      ...dataToTextTasks,
      ...personaTasks,
      ...languageTasks,
      ...plugins.flatMap((plugin) => plugin.tasks ?? []),
    ]),
  };
}

const nameOf = ({ name }: EvalPlugin, index: number) =>
  name === undefined ? `plugin ${index + 1}` : `plugin "${name}"`;

/** What the sources give, by name. The same thing twice is one; two things of one name are an error that says where both come from. */
function gather<Source extends { readonly name: string }, Value>(
  sources: readonly Source[],
  code: string,
  what: string,
  read: (source: Source) => readonly (readonly [string, Value])[],
): Map<string, Value> {
  const found = new Map<string, { readonly value: Value; readonly from: string }>();
  for (const source of sources)
    for (const [name, value] of read(source)) {
      const other = found.get(name);
      if (other && other.value !== value)
        throw new PeftError(code, {
          found: `two ${what} "${name}", from ${other.from} and from ${source.name}`,
          expected: 'a name of its own for each',
          fix: 'leave one of the two plugins out, or rename it there',
        });
      found.set(name, { value, from: source.name });
    }
  return new Map([...found].map(([name, { value }]) => [name, value]));
}

/** The preset called `name`. Errors: `UNKNOWN_PRESET` with the nearest names. */
export function findPreset(catalogue: Catalogue, name: string): MethodPreset {
  const preset = catalogue.presets.get(name);
  if (preset) return preset;
  const [near] = nearMisses(name, catalogue.presets.keys(), 1);
  throw new PeftError('UNKNOWN_PRESET', {
    found: `method "${name}"`,
    expected: `one of ${[...catalogue.presets.keys()].join(', ')}`,
    fix: near === undefined ? 'name one of these, or describe the method under `method`' : `did you mean "${near}"?`,
  });
}
