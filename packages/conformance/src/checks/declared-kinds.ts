import { type Mode, type PeftMethod, sitesOfKind } from '@tfjs-peft/peft-core';
import { selectNamespaces } from '@tfjs-peft/peft-core/authoring';
import { addInterventions, breakMethod, override } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireThat } from '../kit/failure.js';
import { contextOf } from '../kit/run-pass.js';
import type { Subject } from '../kit/subject.js';
import { afterTraining } from '../kit/trained.js';

const modes: readonly Mode[] = ['evaluate', 'sample', 'train'];

export const declaredKinds: ConformanceCheck = {
  name: 'declared-kinds',
  claim: 'a method that says which kinds of interventions it emits emits no other, nor do its parts',
  run: checkKinds,
  controls: [
    {
      breaks: 'says that it emits nothing',
      apply: (subject) => breakMethod(subject, (method) => override(method, { kinds: [] })),
      fails: /which it does not declare/,
    },
    {
      breaks: 'taps a place without saying so',
      apply: (subject) =>
        subject.make().kinds?.includes('tap')
          ? null
          : addInterventions(subject, ({ host }) => [
              { kind: 'tap', path: sitesOfKind(host, 'linear')[0]!.path, at: 'input', observe: () => undefined },
            ]),
      fails: /emits tap/,
    },
  ],
};

async function checkKinds(subject: Subject): Promise<CheckOutcome> {
  const method = subject.make();
  if (!method.kinds) return 'not applicable: the method does not say which kinds it emits';
  const { effective } = afterTraining(subject, method);
  for (const mode of modes) {
    const context = contextOf(subject, 3, { mode });
    requireDeclared(method, method.intervene(effective, context));
    // A part of a simplex has parameters of other names: it is held to its kinds through the whole.
    const names = new Set(effective.keys());
    for (const part of method.parts ?? []) {
      const own = part.plan(subject.host.spec);
      if ([...own.effective, ...(own.buffers ?? [])].every(({ name }) => names.has(name)))
        requireDeclared(part, part.intervene(selectNamespaces(effective, part.namespaces), context));
    }
  }
}

function requireDeclared({ kinds, type }: PeftMethod, items: ReturnType<PeftMethod['intervene']>): void {
  if (!kinds) return;
  for (const { kind } of items)
    requireThat(kinds.includes(kind), `${type} emits ${kind}, which it does not declare (${kinds.join(', ')})`);
}
