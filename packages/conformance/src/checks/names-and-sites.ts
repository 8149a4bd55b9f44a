import { namespaceOf } from '@tfjs-peft/peft-core/authoring';
import { breakMethod, override } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireThat } from '../kit/failure.js';
import type { Subject } from '../kit/subject.js';
import { atStart } from '../kit/trained.js';

export const namesAndSites: ConformanceCheck = {
  name: 'names-and-sites',
  claim: 'names begin with a namespace of the method, sites exist, reparametrise gives what the plan says',
  run: checkNames,
  controls: [
    {
      breaks: 'owns names of a namespace that it does not declare',
      apply: (subject) =>
        breakMethod(subject, (method) => override(method, { namespaces: method.namespaces.map((name) => `${name}2`) })),
      fails: /namespace/,
    },
    {
      breaks: 'acts at a site that the host does not have',
      apply: (subject) =>
        breakMethod(subject, (method) =>
          override(method, {
            plan(host) {
              const { effective, ...rest } = method.plan(host);
              return { ...rest, effective: effective.map((spec) => ({ ...spec, site: `${spec.site}.nowhere` })) };
            },
          }),
        ),
      fails: /site/,
    },
    {
      breaks: 'plans another shape than reparametrise gives',
      apply: (subject) =>
        breakMethod(subject, (method) =>
          override(method, {
            plan(host) {
              const { effective, ...rest } = method.plan(host);
              return { ...rest, effective: effective.map((spec) => ({ ...spec, shape: [...spec.shape, 1] })) };
            },
          }),
        ),
      fails: /shape/,
    },
  ],
};

async function checkNames(subject: Subject): Promise<void> {
  const { spec } = subject.host;
  const method = subject.make();
  const { raw, effective, buffers = [] } = method.plan(spec);
  requireThat(raw.length > 0 && effective.length > 0, 'the plan has no parameters');
  const paths = new Set(spec.sites.map(({ path }) => path));
  for (const list of [
    [...raw, ...buffers],
    [...effective, ...buffers],
  ]) {
    const names = list.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    requireThat(twice === undefined, `two parameters are named "${twice}"`);
    for (const { name, shape } of list) {
      requireThat(
        method.namespaces.includes(namespaceOf(name)) && name.includes('.'),
        `"${name}" does not begin with a namespace of the method (${method.namespaces.join(', ')})`,
      );
      requireThat(
        shape.every((length) => Number.isInteger(length) && length > 0),
        `"${name}" has shape [${shape}]`,
      );
    }
  }
  for (const { name, site } of effective)
    requireThat(
      site === undefined || paths.has(site),
      `"${name}" acts at the site "${site}", which the host does not have`,
    );
  const made = atStart(subject, method).effective;
  requireThat(
    made.size === effective.length + buffers.length,
    `reparametrise gives ${made.size} parameters and buffers, the plan ${effective.length + buffers.length}`,
  );
  for (const { name, shape } of [...effective, ...buffers])
    requireThat(
      made.get(name)?.shape.join() === shape.join(),
      `effective "${name}" has shape [${made.get(name)?.shape ?? 'none'}], the plan says [${shape}]`,
    );
}
