import { type HostSpec, isPeftError, type NamedArrays, PeftError, sitesOfKind } from '@tfjs-peft/peft-core';
import { matchTargets } from '@tfjs-peft/peft-core/authoring';
import {
  canonicalJson,
  checkTensors,
  type FileCodec,
  type JsonObject,
  meansPooler,
  readHfPatterns,
} from '@tfjs-peft/peft-core/files';
import type * as z from 'zod';
import { chooseGates, type Gate } from './choose-gates.js';
import type { Ia3Config, ia3Config } from './config.js';
import { agrees, hfGates, writeHfTargets } from './hf-targets.js';

/** HF peft stores each gate as `<path>.ia3_l`, without `.weight`: `[output, 1]`, or `[1, input]` in the feed-forward network. */
export const ia3Files = (config: Ia3Config): FileCodec => ({
  peftType: 'IA3',
  headPrefix: 'base_model.model.',
  encode(effective, host) {
    const { targets, feedForward } = writeHfTargets(config, host);
    return {
      config: {
        exclude_modules: null,
        fan_in_fan_out: host.python?.storesInputFirst ?? false,
        feedforward_modules: feedForward,
        init_ia3_weights: true,
        target_modules: targets,
      },
      tensors: new Map(
        chooseGates(config, host).map((gate) => {
          const { name, shape } = storedGate(gate, host);
          return [name, { shape, data: effective.get(gate.name)!.data }];
        }),
      ),
      differences: [],
    };
  },
  decode(tensors, host): NamedArrays {
    const gates = chooseGates(config, host);
    const stored = gates.map((gate) => storedGate(gate, host));
    checkTensors(tensors, stored, 'tensors of IA3');
    return new Map(
      gates.map(({ name, size }, index) => [name, { shape: [size], data: tensors.get(stored[index]!.name)!.data }]),
    );
  },
});

const storedGate = ({ site, side, size }: Gate, host: HostSpec) => ({
  name: `base_model.model.${host.baseModelPrefix}.${site.path}.ia3_l`,
  shape: side === 'output' ? [size, 1] : [1, size],
});

/**
 * The configuration in HF peft's file as ours. Patterns that select the same here are kept, others (a dotless end of a name, an expression
 * that wants the name of the base model, `exclude_modules`) become lists of paths.
 * Errors: `CONFIG_INVALID`, `CONFIG_KEY_UNSUPPORTED`, `TARGET_UNMATCHED`.
 */
export function readHfIa3Config(config: JsonObject, host: HostSpec): z.input<typeof ia3Config> {
  if (config['fan_in_fan_out'] && !host.python?.storesInputFirst)
    throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
      found: `"fan_in_fan_out": ${JSON.stringify(config['fan_in_fan_out'])} in adapter_config.json`,
      expected: 'false: the affine maps of encoders are ordinary ones',
      fix: 'set it to false if the adapter is for this kind of host; HF peft does the same with a warning',
    });
  const given = readHfPatterns(config, 'target_modules', host) ?? usualInHf(host, 'target_modules').targets;
  const targets = given === 'all-linear' ? '.*' : given;
  const feedForward =
    readHfPatterns(config, 'feedforward_modules', host) ?? usualInHf(host, 'feedforward_modules').feedForward;
  const exclude = readHfPatterns(config, 'exclude_modules', host) ?? [];
  const hf = hfGates({ targets, feedForward, exclude }, host, meansPooler(config, host));
  const own = { targets, feedForwardTargets: feedForward, name: 'ia3' };
  if (typeof targets !== 'string') matchTargets(host, 'linear', targets); // A name without a hit is an error there, with near misses.
  if (hf.size === 0) throw nothingSelected(config, host);
  if (matches(own, host, hf)) return { targets: own.targets, feedForwardTargets: own.feedForwardTargets };
  const pathsOf = (side: Gate['side']) => [...hf].flatMap(([path, other]) => (other === side ? [path] : []));
  return { targets: pathsOf('output'), feedForwardTargets: pathsOf('input') };
}

const nothingSelected = (config: JsonObject, host: HostSpec) =>
  new PeftError('TARGET_UNMATCHED', {
    found: `"target_modules": ${canonicalJson(config['target_modules'])} in adapter_config.json select nothing of host "${host.name}"`,
    expected: `names such as ${host.baseModelPrefix}.${sitesOfKind(host, 'linear')[0]?.path ?? '(none)'}`,
    fix: 'load the adapter on the host it was trained for',
  });

function matches(
  own: Parameters<typeof chooseGates>[0],
  host: HostSpec,
  hf: ReadonlyMap<string, Gate['side']>,
): boolean {
  try {
    return agrees(chooseGates(own, host), hf);
  } catch (error) {
    if (isPeftError(error)) return false;
    throw error;
  }
}

/** What HF peft 0.21 takes where the file says nothing. */
function usualInHf({ modelType, name, python }: HostSpec, key: string): { targets: string[]; feedForward: string[] } {
  const usual = python?.usualGates;
  if (usual) return { targets: [...usual.targets], feedForward: [...usual.feedForward] };
  throw new PeftError('CONFIG_INVALID', {
    found: `no "${key}" in adapter_config.json`,
    expected: `module names, since HF peft has no usual ones for "${modelType}", the architecture of "${name}"`,
    fix: 'get the complete file; HF peft always writes them',
  });
}
