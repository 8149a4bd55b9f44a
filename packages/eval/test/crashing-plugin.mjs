/** A method that takes its process with it, as an out-of-memory kill would. */
const crash = {
  type: 'CRASH',
  config: { safeParse: () => ({ success: true, data: {} }) },
  create: (config) => ({
    type: 'CRASH',
    config,
    namespaces: ['crash'],
    plan: () => process.exit(7),
    intervene: () => [],
  }),
};

export const plugin = {
  methods: [crash],
  presets: [{ name: 'crash', summary: 'ends its process', kind: 'trained', method: { type: 'CRASH', config: {} } }],
};
