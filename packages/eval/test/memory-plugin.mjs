/** A method that takes more memory than its process may have, and one that the system ends as it ends what takes too much. */
import { closeSync } from 'node:fs';

const method = (type, plan) => ({
  type,
  config: { safeParse: () => ({ success: true, data: {} }) },
  create: (config) => ({ type, config, namespaces: [type.toLowerCase()], plan, intervene: () => [] }),
});

function fill() {
  // Jest takes the last words of this process for those of its own worker.
  closeSync(2);
  const kept = [];
  for (;;) kept.push(new Array(100_000).fill(kept.length));
}

const preset = (name, type) => ({ name, summary: name, kind: 'trained', method: { type, config: {} } });

export const plugin = {
  methods: [method('FILL', fill), method('KILLED', () => process.kill(process.pid, 'SIGKILL'))],
  presets: [preset('fill', 'FILL'), preset('killed', 'KILLED')],
};
