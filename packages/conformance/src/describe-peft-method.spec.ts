import { compose, head } from '@tfjs-peft/peft-core';
import { prefix, prefixDefinition } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { denseDelta, denseDeltaDefinition } from '../test/dense-delta.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { type ConformanceOptions, describePeftMethod, tinyHost } from './index.js';

useTestBackend();

const hosts = [tinyHost(), tinyHost({ modelType: 'roberta' }), tinyHost({ modelType: 'distilbert' })];
const ofPrefixes: ConformanceOptions = { definitions: [prefixDefinition], identityAtStart: false, mergeable: false };
const flat = () => prefix({ prefixLength: 3, reparametrisation: 'none' });
const ownHead = () => head({ labels: ['ham', 'spam'], initialStandardDeviation: 0.5 });
const heads = { name: 'a head', make: ownHead };
const dense = { name: 'dense deltas', make: () => denseDelta() };

describePeftMethod('prefix, flat', flat, { ...ofPrefixes, others: [heads, dense] });
describePeftMethod(
  'prefix as HF peft runs it',
  () => prefix({ prefixLength: 3, reparametrisation: 'none', positionPolicy: 'shift' }),
  { ...ofPrefixes, hosts },
);
describePeftMethod('prefix, MLP', () => prefix({ prefixLength: 3, mlpHiddenSize: 5, dropout: 0.1 }), ofPrefixes);
describePeftMethod(
  'prefix from activations',
  () => prefix({ prefixLength: 3, reparametrisation: 'none', initialisation: 'activation' }),
  ofPrefixes,
);
describePeftMethod('head', ownHead, {
  definitions: [],
  identityAtStart: true,
  mergeable: true,
  others: [{ name: 'a prefix', make: flat }, dense],
});
describePeftMethod('compose(prefix, head)', () => compose(flat(), ownHead()), ofPrefixes);
describePeftMethod('subspace(compose(prefix, head))', () => subspace(compose(flat(), ownHead())), ofPrefixes);
describePeftMethod('compose(subspace(prefix), head)', () => compose(subspace(flat()), ownHead()), ofPrefixes);
describePeftMethod('dense deltas', () => denseDelta(), {
  definitions: [denseDeltaDefinition],
  identityAtStart: true,
  mergeable: true,
  wider: () => denseDelta({ roles: ['value', 'query'] }),
  others: [{ name: 'a prefix', make: flat }, heads],
  hosts,
});
