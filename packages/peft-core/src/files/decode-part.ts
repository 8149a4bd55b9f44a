import { isPeftError, PeftError } from '../errors.js';
import type { EncodedAdapter, FileCodec } from '../file-codec.js';
import type { HostTensors } from '../host.js';
import type { HostSpec } from '../host-spec.js';
import { dtypeOf, type NamedArrays, readParameters } from '../parameters.js';
import { sizeOf, storedTensors } from '../plan.js';
import { checkTensors } from './check-tensors.js';
import type { CodecMethod } from './file-units.js';

/**
 * What a method's codec writes for zeros: names and shapes of the tensors that a file must hold, and the entries of adapter_config.json
 * that the method owns. `tensors` are those of the file: a configuration that asks for vastly more is refused before it costs memory.
 * Errors: `ADAPTER_FILES_INCONSISTENT`, and those of the method's plan.
 */
export function blankEncoding(
  method: CodecMethod,
  host: HostSpec,
  frozen: NamedArrays,
  tensors: NamedArrays,
  where: string,
): EncodedAdapter {
  const plan = method.plan(host);
  const planned = storedTensors(plan).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const stored = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  if (planned > Math.max(1e6, 8 * stored))
    throw new PeftError('ADAPTER_FILES_INCONSISTENT', {
      found: `${where}: ${stored} numbers`,
      expected: `${planned} numbers, as the configuration of ${method.type} says`,
      fix: 'load the configuration and the tensors that were saved together',
    });
  const zeros: NamedArrays = new Map(
    storedTensors(plan).map(({ name, shape, dtype }) => [
      name,
      { shape, data: new (dtype === 'int32' ? Int32Array : Float32Array)(sizeOf(shape)) },
    ]),
  );
  return method.files.encode(zeros, host, frozen);
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
