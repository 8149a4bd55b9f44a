import { type BackendChoice, doctor, formatDoctor, selectBackend } from '@tfjs-peft/backend';
import type { CliIo } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';

export interface DoctorCommandOptions {
  readonly backend: BackendChoice;
  readonly json?: boolean;
}

/** `tfjs-peft doctor`. With `--backend`, that one alone; exit code 1 if it cannot be used. */
export async function runDoctor({ backend, json = false }: DoctorCommandOptions, io: CliIo): Promise<number> {
  const report = await doctor(backend === 'auto' ? {} : { candidates: [backend] });
  io.out(json ? jsonLine(report) : withNewline(formatDoctor(report)));
  if (backend !== 'auto') await selectBackend({ backend });
  return 0;
}

const withNewline = (text: string) => (text.endsWith('\n') ? text : `${text}\n`);
