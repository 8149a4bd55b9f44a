/** A method that never comes back to the event loop. */
const hang = {
  type: 'HANG',
  config: { safeParse: () => ({ success: true, data: {} }) },
  create: (config) => ({
    type: 'HANG',
    config,
    namespaces: ['hang'],
    plan() {
      for (;;);
    },
    intervene: () => [],
  }),
};

export const plugin = {
  methods: [hang],
  presets: [{ name: 'hang', summary: 'never ends', kind: 'trained', method: { type: 'HANG', config: {} } }],
};
