import { loadAdapter, type NamedArray, type PeftMethod, saveAdapter } from '@tfjs-peft/peft-core';
import { override } from '../broken/break-method.js';
import { editTensors, isTensorFile, requireRefusal } from '../kit/adapter-files.js';
import type { ConformanceCheck } from '../kit/check.js';
import { registryOf, type Subject } from '../kit/subject.js';
import { adapterOf, afterTraining, withHead } from '../kit/trained.js';

export const loadingIsStrict: ConformanceCheck = {
  name: 'loading-is-strict',
  claim: 'another host, a missing, an extra and a misshapen tensor are refused with a typed error',
  run: checkLoading,
  controls: [
    {
      breaks: 'is used with hosts that all claim to be the same',
      apply: (subject) => ({
        ...subject,
        async createHost(variation) {
          const host = await subject.createHost(variation);
          return { ...host, spec: { ...host.spec, fingerprint: subject.host.spec.fingerprint } };
        },
      }),
      fails: /another host/,
    },
    {
      breaks: 'fails with an untyped error once it is loaded',
      apply: (subject) => ({
        ...subject,
        definitions: subject.definitions.map((definition) => ({
          ...definition,
          create: (config: never, parts: readonly PeftMethod[]) =>
            override(definition.create(config, parts), {
              plan() {
                throw new RangeError('out of range');
              },
            }),
        })),
      }),
      fails: /without a PeftError/,
    },
  ],
};

async function checkLoading(subject: Subject): Promise<void> {
  const { host } = subject;
  const registry = registryOf(subject);
  const files = await saveAdapter(adapterOf(subject, afterTraining(subject, withHead(subject))), host);
  const other = await subject.createHost({ seed: 1 });
  try {
    await requireRefusal(() => loadAdapter(files, other, registry), 'loading on another host', [
      'ADAPTER_FOR_ANOTHER_HOST',
    ]);
  } finally {
    other.dispose();
  }
  for (const name of [...files.keys()].filter(isTensorFile)) {
    const load = (edited: typeof files) => () =>
      loadAdapter(edited, host, registry, { unfolded: files.has('vertices.safetensors') });
    const missing = await editTensors(files, name, (arrays) => arrays.delete([...arrays.keys()][0]!));
    await requireRefusal(load(missing), `"${name}" without its first tensor`);
    const extra = await editTensors(files, name, (arrays) =>
      arrays.set('surplus.tensor', { shape: [1], data: new Float32Array(1) }),
    );
    await requireRefusal(load(extra), `"${name}" with a surplus tensor`);
    const misshapen = await editTensors(files, name, (arrays) => {
      const [[first, { shape, data }]] = [...arrays] as [[string, NamedArray]];
      arrays.set(first, { shape: [1, ...shape], data });
    });
    await requireRefusal(load(misshapen), `"${name}" with a tensor of another shape`);
  }
}
