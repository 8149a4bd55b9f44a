import { compose, type Parameters, type PeftMethod } from '@tfjs-peft/peft-core';
import { type EffectiveSpec, getParameter } from '@tfjs-peft/peft-core/authoring';
import { pointOfSimplex } from '@tfjs-peft/subspace';
import * as tf from '@tensorflow/tfjs';
import { looksAtTheBatch } from '../broken/usual-faults.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { requireClose, requireFar } from '../kit/compare.js';
import { logitsOf } from '../kit/run-pass.js';
import { hasSimplex, simplexOver } from '../kit/simplex.js';
import type { Subject } from '../kit/subject.js';
import { batchOf, takeRow } from '../kit/texts.js';
import { afterTraining, withHead } from '../kit/trained.js';

export const simplexRows: ConformanceCheck = {
  name: 'simplex-rows',
  claim: 'examples drawn at points a and b equal single runs at a and at b (T3)',
  run: checkRows,
  controls: [looksAtTheBatch(/drawn/)],
};

async function checkRows(subject: Subject): Promise<CheckOutcome> {
  const { host, tolerances } = subject;
  const meter = coefficientMeter();
  const inner = compose(withHead(subject), meter.method);
  const simplex = simplexOver(subject, { vertices: 2, granularity: 'example' }, inner);
  if (!simplex) return hasSimplex;
  const effective = new Map([...afterTraining(subject, simplex).effective, ...meter.vertices]);
  const inputs = batchOf(host.spec);
  const drawn = logitsOf(subject, { method: simplex, effective }, { mode: 'sample', inputs });
  const shares = await meter.readShares();
  const specs = new Map(inner.plan(host.spec).effective.map((spec) => [spec.name, spec]));
  for (const [row, share] of shares.perExample.entries()) {
    const ofExample = pointOfSimplex(simplex, effective, [1 - share, share]);
    const ofBatch = pointOfSimplex(simplex, effective, [1 - shares.perBatch, shares.perBatch]);
    // Buffers have no specification: they are the same everywhere.
    const isOfBatch = (name: string) => specs.get(name)?.perExample === 'none';
    const point = new Map([...ofExample].map(([name, t]) => [name, isOfBatch(name) ? ofBatch.get(name)! : t]));
    const alone = logitsOf(subject, { method: inner, effective: point }, { inputs: takeRow(inputs, row) });
    await requireClose(
      drawn.slice([row, 0], [1, -1]),
      alone,
      tolerances.simplex,
      `example ${row} drawn at ${share.toFixed(3)}`,
    );
  }
  const midpoint = logitsOf(subject, { method: simplex, effective });
  await requireFar(drawn, midpoint, tolerances.effect, 'logits drawn from the simplex are those of its midpoint');
}

/**
 * A method that does nothing but note what it is given. With vertices 0 and 1 that is the coefficient of the second vertex, for each example
 * and for the batch, so that the check need not know how a simplex draws.
 */
function coefficientMeter() {
  const names = { perExample: 'kit-meter.example', perBatch: 'kit-meter.batch' };
  const seen = new Map<string, tf.Tensor>();
  const method: PeftMethod = {
    type: 'CONFORMANCE_METER',
    config: Object.freeze({}),
    namespaces: ['kit-meter'],
    plan({ sites }) {
      const shape: number[] = [1];
      const site = sites[0]!.path;
      const spec = (name: string, perExample: EffectiveSpec['perExample']) => ({ name, shape, site, perExample });
      return {
        raw: Object.values(names).map((name) => ({ name, shape, initial: { kind: 'constant', value: 0 } })),
        effective: [spec(names.perExample, 'axis'), spec(names.perBatch, 'none')],
      };
    },
    intervene(effective, { mode }) {
      if (mode === 'sample') for (const name of Object.values(names)) seen.set(name, getParameter(effective, name));
      return [];
    },
  };
  const vertices: Parameters = new Map(
    Object.values(names).flatMap((name) =>
      [0, 1].map((vertex) => [name.replace('.', `.vertex.${vertex}.`), tf.tensor1d([vertex])] as const),
    ),
  );
  return {
    method,
    vertices,
    async readShares() {
      const [perExample, perBatch] = await Promise.all(
        [names.perExample, names.perBatch].map((name) => seen.get(name)!.data()),
      );
      return { perExample: [...perExample!], perBatch: perBatch![0]! };
    },
  };
}
