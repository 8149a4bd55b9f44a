import type { CliIo, StopSignal } from '../src/cli-io.js';

/** Collects what a command prints. `interrupt()` is Ctrl-C. */
export function fakeIo(more: Partial<CliIo> = {}) {
  const texts = { out: '', err: '' };
  const exits: number[] = [];
  let stop: ((signal: StopSignal) => void) | undefined;
  const io: CliIo = {
    out: (text) => void (texts.out += text),
    err: (text) => void (texts.err += text),
    bar: null,
    width: 100,
    environment: {},
    input: () => null,
    onStop(listener) {
      stop = listener;
      return () => (stop = undefined);
    },
    exit: (code) => void exits.push(code),
    ...more,
  };
  return { io, texts, exits, interrupt: (signal: StopSignal = 'SIGINT') => stop?.(signal) };
}
