import { createStream, evaluationContext, type HostSpec, sitesOfKind, substream } from '@tfjs-peft/peft-core';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import {
  goldenFolder,
  hostFrom,
  minilmFolder,
  openFile,
  readJson,
  someInputs,
  tinyFolder,
} from '../../test/test-hosts.js';
import { createRandomHost, tinyBertConfig, tinyHostConfig } from '../encoder/create-random-host.js';
import { readHostSpec } from '../load/read-host-spec.js';
import { familyOf, modelTypes } from './families.js';

useTestBackend();

const linears = (spec: HostSpec) => sitesOfKind(spec, 'linear').map(({ path, role }) => `${role} ${path}`);

describe('fingerprints', () => {
  // Adapters name them: a change makes every stored adapter belong to another host.
  it('of BERT are those of every version so far', async () => {
    const tiny = await hostFrom(tinyFolder);
    const random = await createRandomHost();
    const minilm = await hostFrom(minilmFolder);
    expect([tiny, random, minilm].map(({ spec }) => spec.fingerprint)).toEqual([
      'b919b5edb300443fab89f125bd6d353c8496152e3c66b68ee32118d33fdeadcf',
      '48a1fce4610d80b819777b1aa848a78bbf302d3dabe6e04d957c30631320d52c',
      'e98b37bc5cb86d9255189125155c54f6d52f4b4696ad6cb9b014a3895879ed31',
    ]);
    for (const host of [tiny, random, minilm]) host.dispose();
  });

  it('differ between families with the same sizes', async () => {
    const hosts = await Promise.all(modelTypes.map((modelType) => createRandomHost({ modelType })));
    expect(new Set(hosts.map(({ spec }) => spec.fingerprint)).size).toBe(modelTypes.length);
    for (const host of hosts) host.dispose();
  });
});

describe('the description of a host', () => {
  it.each([
    ['bert', 'bert', { output: 'classifier', readout: 'pooler' }, 'pooler', ['cls', 'pooler', 'mean']],
    [
      'roberta',
      'roberta',
      { hidden: { path: 'classifier.dense', activation: 'tanh' }, output: 'classifier.out_proj', readout: 'cls' },
      'cls',
      ['cls', 'pooler', 'mean'],
    ],
    [
      'xlm-roberta',
      'roberta',
      { hidden: { path: 'classifier.dense', activation: 'tanh' }, output: 'classifier.out_proj', readout: 'cls' },
      'cls',
      ['cls', 'pooler', 'mean'],
    ],
    [
      'distilbert',
      'distilbert',
      { hidden: { path: 'pre_classifier', activation: 'relu' }, output: 'classifier', readout: 'cls' },
      'cls',
      ['cls', 'mean'],
    ],
  ] as const)('of %s', async (modelType, baseModelPrefix, classifier, defaultReadout, readouts) => {
    const { spec, dispose } = await createRandomHost({ modelType, maxPositionEmbeddings: 20 });
    expect(spec).toMatchObject({ modelType, baseModelPrefix, defaultReadout, maxPositionEmbeddings: 20 });
    expect(spec.classifier).toEqual(classifier);
    expect(sitesOfKind(spec, 'readout')[0]!.readouts).toEqual(readouts);
    for (const kind of ['linear', 'attention', 'sublayer', 'norm', 'table', 'hidden', 'tensor'] as const) {
      const paths = sitesOfKind(spec, kind).map(({ path }) => path);
      expect(paths.length).toBeGreaterThan(0);
      expect(new Set(paths).size).toBe(paths.length);
    }
    dispose();
  });

  it.each(modelTypes)('of %s is known without reading a weight, but for the fingerprint', async (modelType) => {
    const host = await createRandomHost({ modelType });
    const shapes = sitesOfKind(host.spec, 'tensor').map(({ path, shape }) => {
      const isTable = sitesOfKind(host.spec, 'table').some((table) => path === `${table.path}.weight`);
      return [path, { shape: isTable ? shape : [...shape].reverse() }] as const;
    });
    const config = tinyHostConfig({ modelType });
    const spec = readHostSpec({ config, tensors: { tensors: new Map(shapes) }, name: host.spec.name });
    expect(spec).toEqual({ ...host.spec, fingerprint: '' });
    host.dispose();
  });

  it('names the affine maps of DistilBERT and their roles, and its sublayers', async () => {
    const { spec, dispose } = await createRandomHost({ modelType: 'distilbert', numHiddenLayers: 1 });
    expect(linears(spec)).toEqual([
      'query transformer.layer.0.attention.q_lin',
      'key transformer.layer.0.attention.k_lin',
      'value transformer.layer.0.attention.v_lin',
      'attentionOutput transformer.layer.0.attention.out_lin',
      'feedForwardIn transformer.layer.0.ffn.lin1',
      'feedForwardOut transformer.layer.0.ffn.lin2',
    ]);
    expect(sitesOfKind(spec, 'attention').map(({ path }) => path)).toEqual(['transformer.layer.0.attention']);
    expect(sitesOfKind(spec, 'sublayer').map(({ path, place }) => `${place} ${path}`)).toEqual([
      'attention transformer.layer.0.attention',
      'feedForward transformer.layer.0.ffn',
    ]);
    expect(sitesOfKind(spec, 'norm').map(({ path }) => path)).toEqual([
      'embeddings.LayerNorm',
      'transformer.layer.0.sa_layer_norm',
      'transformer.layer.0.output_layer_norm',
    ]);
    expect(sitesOfKind(spec, 'table').map(({ path }) => path)).toEqual([
      'embeddings.word_embeddings',
      'embeddings.position_embeddings',
    ]);
    dispose();
  });

  it('names the affine maps of RoBERTa as those of BERT', async () => {
    const roberta = await createRandomHost({ modelType: 'roberta' });
    const bert = await createRandomHost();
    expect(linears(roberta.spec)).toEqual(linears(bert.spec));
    roberta.dispose();
    bert.dispose();
  });

  it('takes the same names from the checkpoints of HF transformers', async () => {
    for (const name of ['tiny-roberta', 'tiny-distilbert']) {
      const folder = new URL(`${name}/`, goldenFolder);
      const tensors = await openFile(new URL('model.safetensors', folder));
      const spec = readHostSpec({ config: await readJson(new URL('config.json', folder)), tensors, name });
      for (const { path } of sitesOfKind(spec, 'tensor'))
        expect(tensors.tensors.has(`${spec.baseModelPrefix}.${path}`)).toBe(true);
      const { hidden, output } = spec.classifier;
      for (const path of [hidden!.path, output]) expect(tensors.tensors.has(`${path}.weight`)).toBe(true);
    }
  });
});

describe('a text that is too long', () => {
  it.each(modelTypes)('is refused by %s at its usable positions', async (modelType) => {
    const host = await createRandomHost({ modelType, maxPositionEmbeddings: 8 });
    const run = (tokens: number) => {
      const inputs = someInputs(1, tokens, 100, host.spec.padTokenId);
      return host.forward(inputs, [], evaluationContext(host.spec, 1)).lastHiddenState;
    };
    expect((await run(8).data()).every(Number.isFinite)).toBe(true);
    expect(() => run(9)).toThrow(
      expect.objectContaining({ code: 'TEXT_TOO_LONG', message: expect.stringContaining('at most 8 tokens') }),
    );
    host.dispose();
  });

  it('leaves 512 of the 514 rows of a published RoBERTa to texts', () => {
    const { config, positions } = familyOf('roberta');
    const pad = 'key' in config.padTokenId ? config.padTokenId.default : NaN;
    expect(514 - positions.reservedRows(pad)).toBe(512);
    expect(tinyHostConfig({ modelType: 'roberta', maxPositionEmbeddings: 512 })).toMatchObject({
      max_position_embeddings: 514,
    });
  });
});

describe('random hosts', () => {
  it('write BERT as tinyBertConfig does, plus defaults', () => {
    expect(tinyHostConfig({ hiddenSize: 8 })).toMatchObject(tinyBertConfig({ hiddenSize: 8 }));
  });

  it.each(modelTypes)('of type %s are the same twice', async (modelType) => {
    const [first, second, third] = await Promise.all(
      [5, 5, 6].map((seed) => createRandomHost({ modelType, numHiddenLayers: 1 }, seed)),
    );
    expect(first!.spec).toEqual(second!.spec);
    expect(first!.spec.fingerprint).not.toBe(third!.spec.fingerprint);
    for (const host of [first, second, third]) host!.dispose();
  });
});

describe('hidden dropout', () => {
  /** Shares of zeros in the outputs of both sublayers of one layer in a training pass. */
  async function zeros(modelType: 'bert' | 'distilbert') {
    const host = await createRandomHost({ modelType, dropout: 0.5, numHiddenLayers: 1 });
    const seen: tf.Tensor[] = [];
    const spies = sitesOfKind(host.spec, 'sublayer').map(({ path }) => ({
      kind: 'sublayerAdapter' as const,
      path,
      placement: 'sequential' as const,
      apply: (x: tf.Tensor) => {
        seen.push(tf.keep(x.clone()));
        return x;
      },
    }));
    const streams = { dropout: substream(createStream(2), 'dropout'), draws: createStream(0) };
    host.forward(someInputs(), spies, { mode: 'train', host: host.spec, batchSize: 3, streams });
    const shares = await Promise.all(seen.map(async (x) => (await x.equal(0).mean().data())[0]!));
    tf.dispose(seen);
    host.dispose();
    return shares;
  }

  it('acts on both sublayers of BERT, and on the feed-forward network of DistilBERT alone', async () => {
    for (const share of await zeros('bert')) expect(Math.abs(share - 0.5)).toBeLessThan(0.1);
    const [attention, feedForward] = await zeros('distilbert');
    expect(attention).toBe(0);
    expect(Math.abs(feedForward! - 0.5)).toBeLessThan(0.1);
  });

  it('differs between the runs of a layer that groups share', async () => {
    const host = await createRandomHost({ modelType: 'albert', dropout: 0.5, numHiddenLayers: 2 });
    const seen: tf.Tensor[] = [];
    const { path } = sitesOfKind(host.spec, 'sublayer')[0]!;
    const spy = {
      kind: 'sublayerAdapter' as const,
      path,
      placement: 'sequential' as const,
      apply: (x: tf.Tensor) => {
        seen.push(tf.keep(x.equal(0).toFloat()));
        return x;
      },
    };
    const streams = { dropout: substream(createStream(2), 'dropout'), draws: createStream(0) };
    host.forward(someInputs(), [spy], { mode: 'train', host: host.spec, batchSize: 3, streams });
    expect(seen).toHaveLength(2);
    const [first, second] = await Promise.all(seen.map(async (x) => [...(await x.data())].join()));
    expect(first).not.toBe(second);
    tf.dispose(seen);
    host.dispose();
  });
});
