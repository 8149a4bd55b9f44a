import { describe, it } from 'node:test';
import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import { myMethod, myMethodDefinition } from './index.js';

describePeftMethod(
  'myMethod()',
  () => myMethod(),
  {
    definitions: [myMethodDefinition],
    identityAtStart: true,
    mergeable: true,
    wider: () => myMethod({ targets: ['query', 'key', 'value'] }),
    hosts: [tinyHost(), tinyHost({ modelType: 'roberta' })],
  },
  { describe, it },
);
