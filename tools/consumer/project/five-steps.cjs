// Trains a simplex of prefixes and heads for five steps on invented token ids; the loss must fall.
exports.fiveSteps = async function fiveSteps(tf, core, authoring, { prefix }, { subspace }, { createRandomHost }) {
  tf.env().set('PROD', true);
  const host = await createRandomHost({}, 1);
  const method = subspace(
    core.compose(prefix({ prefixLength: 4, reparametrisation: 'none' }), core.head({ labels: ['no', 'yes'] })),
  );
  const seed = core.createStream(1);
  const raw = new Map(
    [...core.toParameters(core.initialValues(method.plan(host.spec), seed))].map(([name, tensor]) => [
      name,
      tf.variable(tensor),
    ]),
  );
  const texts = [7, 8, 9, 10].map((first) => ({ inputIds: [2, first, 3], tokenTypeIds: [0, 0, 0] }));
  const inputs = core.padBatch(texts, host.spec.padTokenId);
  const labels = tf.oneHot(tf.tensor1d([0, 1, 0, 1], 'int32'), 2);
  const optimiser = tf.train.adam(0.05);
  const losses = [];
  for (let step = 0; step < 5; step++) {
    const stream = core.substream(seed, 'step', step);
    const context = { mode: 'train', host: host.spec, batchSize: 4, streams: { dropout: stream, draws: stream } };
    const loss = optimiser.minimize(
      () => {
        const effective = authoring.effectiveParameters(method, raw, host.spec);
        const { logits } = host.forward(inputs, method.intervene(effective, context), context);
        return tf.losses.softmaxCrossEntropy(labels, logits).add(method.penalty(effective, context));
      },
      true,
      [...raw.values()],
    );
    losses.push((await loss.data())[0]);
  }
  requireOneClass(core, authoring, host.spec);
  if (!(losses[4] < losses[0])) throw new Error(`the loss did not fall: ${losses.join(', ')}`);
  return `five steps, loss ${losses.map((loss) => loss.toFixed(3)).join(' ')}`;
};

/** What one subpath throws, another one knows: their code is there once. */
function requireOneClass({ PeftError }, { matchTargets }, spec) {
  try {
    matchTargets(spec, 'linear', ['nothing-of-this-name']);
  } catch (error) {
    if (error instanceof PeftError) return;
  }
  throw new Error('an error of peft-core/authoring is no PeftError of peft-core');
}
