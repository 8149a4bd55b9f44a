import { compose, head, leavesOf, loadAdapter, type PeftMethod, saveAdapter } from '@tfjs-peft/peft-core';
import { breakMethod, withWrongFold } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireClose } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import { registryOf, type Subject } from '../kit/subject.js';
import { labels } from '../kit/kit-head.js';
import { adapterOf, afterTraining, hasHead } from '../kit/trained.js';

export const hfFiles: ConformanceCheck = {
  name: 'hf-files',
  claim: 'what HF peft would load from the files, without our record, gives the same logits',
  run: checkHfFiles,
  controls: [
    {
      breaks: 'saves other numbers than it has',
      apply: (subject) => breakMethod(subject, withWrongFold),
      fails: /logits/,
    },
  ],
};

async function checkHfFiles(subject: Subject): Promise<CheckOutcome> {
  const { host, tolerances } = subject;
  const method = withHfHead(subject, subject.make());
  if (!leavesOf(method).some(({ files }) => files) && !method.fold)
    return 'not applicable: the method has no file format of HF peft';
  const adapter = adapterOf(subject, afterTraining(subject, method));
  const files = await saveAdapter(adapter, host);
  const { differences } = JSON.parse(new TextDecoder().decode(files.get('tfjs_peft.json'))) as {
    differences: string[];
  };
  if (differences.length > 0) return `not applicable: ${differences.join('; ')}`;
  const bare = new Map([...files].filter(([name]) => name !== 'tfjs_peft.json' && name !== 'vertices.safetensors'));
  const loaded = await loadAdapter(bare, host, registryOf(subject), { labels });
  await requireClose(
    logitsOf(subject, loaded),
    logitsOf(subject, adapter),
    tolerances.files,
    'logits of the files without our record',
  );
}

/** A head in the layout of HF's classifier of this architecture. */
function withHfHead(subject: Subject, method: PeftMethod): PeftMethod {
  if (hasHead(subject, method)) return method;
  const { hidden, readout } = subject.host.spec.classifier;
  return compose(
    method,
    head({
      labels,
      readout,
      hidden: hidden?.activation ?? 'none',
      ...(hidden?.norm !== undefined && { normalised: true as const }),
      initialStandardDeviation: 0.5,
    }),
  );
}
