import { type HostSpec, type NamedArrays, PeftError } from '@tfjs-peft/peft-core';
import { type FileCodec, type Json, type JsonObject, spellHfTargets } from '@tfjs-peft/peft-core/files';
import type { ModuleEntries } from './module-entries.js';
import { candidatesOf, targetsOf } from './select-modules.js';
import type { WeightMethodLayout } from './weight-parameters.js';

/** HF peft's tensors, number for number: parameters have HF's layout, so that only names differ. */
export function weightMethodFiles(
  peftType: string,
  config: ModuleEntries,
  known: readonly string[],
  layoutOf: (host: HostSpec) => WeightMethodLayout,
  inputFirst: boolean,
): FileCodec {
  return {
    peftType,
    headPrefix: 'base_model.model.',
    encode: (effective, host) => ({
      config: {
        ...writeEntries(config, known, layoutOf(host), host),
        ...(storesInputFirst(host) && inputFirst && { fan_in_fan_out: true }),
      },
      tensors: new Map(
        layoutOf(host)
          .parameters.filter(({ unsaved }) => !unsaved)
          .flatMap(({ parameter, stored, copies = [] }) =>
            [stored, ...copies].map((name) => [name, effective.get(parameter)!] as const),
          ),
      ),
      differences:
        storesInputFirst(host) && !inputFirst
          ? [`HF peft has no ${peftType} on maps of "${host.modelType}", whose weights are stored inputs first`]
          : [],
    }),
    decode: (tensors, host) =>
      new Map(
        layoutOf(host).parameters.map(({ parameter, stored, copies = [], unsaved, initial, shape, below }) => {
          if (unsaved && initial.kind === 'given') return [parameter, { shape, data: initial.values }];
          for (const copy of copies) requireEqual(stored, copy, tensors);
          if (below !== undefined) requirePlaces(stored, below, tensors);
          return [parameter, tensors.get(stored)!];
        }),
      ),
  };
}

const storesInputFirst = ({ python }: HostSpec) => python?.storesInputFirst ?? false;

/** Two tensors that HF peft stores twice. Errors: `ADAPTER_FILES_INCONSISTENT`. */
export function requireEqual(name: string, copy: string, tensors: NamedArrays): void {
  const [own, other] = [tensors.get(name)!.data, tensors.get(copy)!.data];
  if (own.every((value, index) => value === other[index])) return;
  throw new PeftError('ADAPTER_FILES_INCONSISTENT', {
    found: `"${name}" and its copy "${copy}" differ`,
    expected: 'the same numbers for all modules',
    fix: 'save the adapter again from the library that wrote it',
  });
}

/** Errors: `PLACES_INVALID` for a number that is no whole one in [0, below). */
function requirePlaces(name: string, below: number, tensors: NamedArrays): void {
  const { data } = tensors.get(name)!;
  const wrong = data.findIndex((value) => !Number.isInteger(value) || value < 0 || value >= below);
  if (wrong < 0) return;
  throw new PeftError('PLACES_INVALID', {
    found: `"${name}" holds ${data[wrong]} at place ${wrong}`,
    expected: `whole numbers from 0 to ${below - 1}`,
    fix: 'save the adapter again from the library that wrote it, or load it with the configuration it was saved with',
  });
}

/** HF's entries again: targets as they were given where HF peft reads them alike, else as whole names. */
function writeEntries(
  config: ModuleEntries,
  known: readonly string[],
  { modules }: WeightMethodLayout,
  host: HostSpec,
): JsonObject {
  const paths = modules.map(({ path }) => path);
  const { targets, exclude, layers, layersPattern } = spellHfTargets(
    targetsOf(config),
    paths,
    candidatesOf(config, host),
    host,
  );
  const spelt: Record<string, unknown> = {
    target_modules: targets,
    exclude_modules: exclude,
    layers_to_transform: layers,
    layers_pattern: layersPattern,
  };
  const entries = config as unknown as Record<string, unknown>;
  return Object.fromEntries(known.map((key) => [key, (key in spelt ? spelt[key] : entries[key]) as Json]));
}
