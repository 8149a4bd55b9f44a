import { describeMethod, type PeftMethod } from '@tfjs-peft/peft-core';
import type { MethodDefinition } from '@tfjs-peft/peft-core/authoring';
import { breakMethod, multiplied, override } from '../broken/break-method.js';
import { requireRefusal } from '../kit/adapter-files.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireClose } from '../kit/compare.js';
import { requireThat } from '../kit/failure.js';
import { logitsOf } from '../kit/run-pass.js';
import { registryOf, type Subject } from '../kit/subject.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const configIsData: ConformanceCheck = {
  name: 'config-is-data',
  claim: 'the configuration is frozen, refuses unknown keys, and builds the same method from JSON',
  run: checkConfig,
  controls: [
    {
      breaks: 'has a configuration that can be written to',
      apply: (subject) =>
        breakMethod(subject, (method) => override(method, { config: { ...(method.config as object) } })),
      fails: /frozen/,
    },
    {
      breaks: 'swallows unknown keys',
      apply: (subject) => ({ ...subject, definitions: subject.definitions.map(lenient) }),
      fails: /unknown key/,
    },
    {
      breaks: 'keeps something that is not in its configuration',
      apply: (subject) =>
        breakMethod(subject, (method) =>
          override(method, {
            intervene: (effective, context) => method.intervene(multiplied(effective, 0.5), context),
          }),
        ),
      fails: /built from/,
    },
  ],
};

async function checkConfig(subject: Subject): Promise<void> {
  const registry = registryOf(subject);
  const method = subject.make();
  for (const part of [method, ...partsOf(method)])
    requireThat(Object.isFrozen(part.config), `the configuration of ${part.type} is not frozen`);
  const description = describeMethod(method);
  const text = JSON.stringify(description);
  const built = registry.build(JSON.parse(text) as typeof description);
  requireThat(JSON.stringify(describeMethod(built)) === text, 'a method built from its description has another one');
  requireThat(
    built.namespaces.join() === method.namespaces.join(),
    'a method built from its description has other names',
  );
  const { host } = subject;
  requireThat(
    JSON.stringify(built.plan(host.spec).effective) === JSON.stringify(method.plan(host.spec).effective),
    'a method built from its description has another plan',
  );
  await requireRefusal(
    async () => registry.build({ ...description, config: { ...description.config, conformance_surplus: 1 } }),
    'an unknown key in the configuration',
    ['CONFIG_INVALID'],
  );
  const trained = afterTraining(subject, withHead(subject, method));
  const rebuilt = logitsOf(subject, { method: withHead(subject, built), effective: trained.effective });
  await requireClose(
    rebuilt,
    logitsOf(subject, trained),
    subject.tolerances.files,
    'logits of a method built from its description',
  );
}

const partsOf = (method: PeftMethod): PeftMethod[] => (method.parts ?? []).flatMap((part) => [part, ...partsOf(part)]);

/** A definition whose configuration leaves out what it does not know. */
function lenient(definition: MethodDefinition): MethodDefinition {
  const { config } = definition;
  const safeParse = (value: unknown) => {
    const { conformance_surplus: _surplus, ...known } = value as Record<string, unknown>;
    return config.safeParse(known);
  };
  return { ...definition, config: Object.assign(Object.create(config) as typeof config, { safeParse }) };
}
