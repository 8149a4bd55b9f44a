import { isPeftError, PeftError } from '../errors.js';
import type { EncodedAdapter, FileCodec } from '../file-codec.js';
import type { HostTensors } from '../host.js';
import type { HostSpec } from '../host-spec.js';
import { dtypeOf, type NamedArrays, readParameters } from '../parameters.js';
import { sizeOf, type StoredTensor, storedTensors } from '../plan.js';
import { checkTensors } from './check-tensors.js';
import type { CodecMethod } from './file-units.js';

/**
 * What a method's codec writes for zeros: names and shapes of the tensors that a file must hold, and the entries of adapter_config.json
 * that the method owns. `tensors` are those of the file: a codec that would write vastly more is refused before it costs memory. What it leaves
 * out of its files counts for nothing. Errors: `ADAPTER_FILES_INCONSISTENT`, and those of the method's plan.
 */
export function blankEncoding(
  method: CodecMethod,
  host: HostSpec,
  frozen: NamedArrays,
  tensors: NamedArrays,
  where: string,
): EncodedAdapter {
  const stored = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  const requireFew = (count: number): void => {
    if (count <= Math.max(1e6, 8 * stored)) return;
    throw new PeftError('ADAPTER_FILES_INCONSISTENT', {
      found: `${where}: ${stored} numbers`,
      expected: `${count} numbers or more, as the configuration of ${method.type} says`,
      fix: 'load the configuration and the tensors that were saved together',
    });
  };
  const blank = method.files.encode(zerosOnDemand(storedTensors(method.plan(host)), requireFew), host, frozen);
  requireFew([...blank.tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0));
  return blank;
}

/** Zeros that are made when they are looked at; `allow` hears first how many numbers have been asked for in all. */
function zerosOnDemand(specs: readonly StoredTensor[], allow: (count: number) => void): NamedArrays {
  let asked = 0;
  const make = ({ shape, dtype }: StoredTensor) => {
    asked += sizeOf(shape);
    allow(asked);
    return new (dtype === 'int32' ? Int32Array : Float32Array)(sizeOf(shape));
  };
  return new Map(
    specs.map((spec) => {
      let made: Float32Array | Int32Array | undefined;
      return [
        spec.name,
        {
          shape: spec.shape,
          get data() {
            return (made ??= make(spec));
          },
        },
      ];
    }),
  );
}

/** Stored tensors to effective parameters, after the file has been found to hold exactly what the codec writes. */
export function decodePart(
  method: CodecMethod,
  tensors: NamedArrays,
  blank: EncodedAdapter,
  host: HostSpec,
  frozen: NamedArrays,
  where: string,
): NamedArrays {
  const expected = [...blank.tensors].map(([name, { shape, data }]) => ({ name, shape, dtype: dtypeOf(data) }));
  checkTensors(tensors, expected, where);
  return inFile(where, () => method.files.decode(tensors, host, frozen));
}

/** The frozen tensors that a codec asks for, in host memory. */
export const readHostTensors = (codec: FileCodec, host: HostTensors): Promise<NamedArrays> =>
  readParameters(new Map((codec.hostTensors?.(host.spec) ?? []).map((path) => [path, host.weight(path)])));

/** Puts the file's name in front of what a method says. */
export function inFile<T>(where: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!isPeftError(error) || error.text.found.includes(where)) throw error;
    throw new PeftError(error.code, { ...error.text, found: `${where}: ${error.text.found}`, cause: error });
  }
}
