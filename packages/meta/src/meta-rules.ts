import { evaluationContext, type Parameters, type Stream, substream } from '@tfjs-peft/peft-core';
import {
  lossAndGradients,
  lossOfBatch,
  type LossAndGradients,
  type Objective,
  trainableNames,
} from '@tfjs-peft/peft-core/authoring';
import { toBatch, type UpdateRequest, type UpdateRule } from '@tfjs-peft/train';
import type * as tf from '@tensorflow/tfjs';
import { adapt, type InnerLoop } from './adapt.js';
import { meanOver } from './mean-over.js';
import { type Episode, type Episodes, requireDisjoint } from './episode.js';
import { isKept } from './kept-names.js';
import { type TaskParts, withOwnPart } from './own-part.js';
import type { TargetRows } from './target-rows.js';

/** What the rules have in common: how a task is learned, and how well it was. */
export interface MetaLearning<Targets> extends TaskParts<Targets> {
  /** Of a task, on its support and on its query. */
  readonly objective: Objective<Targets>;
  readonly inner: InnerLoop;
  /** Steps of adaptation, T_in; 0 leaves the start as it is. */
  readonly steps: number;
  readonly rows: TargetRows<Targets>;
  /**
   * Starts of the names of what the inner loop leaves alone and the outer one learns, as controllers of an architecture: whole names, or all below
   * them. Reptile, which learns from where the inner loop leads, cannot learn these.
   */
  readonly keeps?: readonly string[];
}

/**
 * First-order MAML (Finn et al. 2017, arXiv 1703.03400; Hou et al. 2022, Algorithm 1): the gradient of the query's loss at the point that T_in steps
 * on the support lead to, taken as the gradient at the start. Mean over the episodes of an update. With T_in 0 it is that of multitask learning.
 */
export const fomaml = <Targets>(setting: MetaLearning<Targets>): UpdateRule<Episodes<Targets>> =>
  metaRule('fomaml', setting, ({ episode, start, adapted, gradientsAt }) => {
    const point = adapted();
    return gradientsAt(point, episode.query, [...start.keys()]);
  });

/**
 * Reptile (Nichol et al. 2018, arXiv 1803.02999): the start moves toward the adapted points. As a gradient: start minus adapted point, so that plain
 * descent with rate ε is the paper's rule. The query is not learned from; its loss is what is reported.
 */
export const reptile = <Targets>(setting: MetaLearning<Targets>): UpdateRule<Episodes<Targets>> =>
  metaRule('reptile', setting, ({ episode, start, adapted, lossAt }) => {
    const point = adapted();
    const gradients = new Map([...start].map(([name, value]) => [name, value.sub(point.get(name)!)]));
    return { loss: lossAt(point, episode.query), terms: {}, gradients };
  });

/**
 * Multitask learning, the control: gradients of the query's loss at the start itself. What is a task's own still adapts to its support first, since a
 * head of zeros would pass nothing on.
 */
export const multitask = <Targets>(setting: MetaLearning<Targets>): UpdateRule<Episodes<Targets>> =>
  metaRule('multitask', setting, ({ episode, start, ownNames, adapted, gradientsAt }) => {
    const point = ownNames.length > 0 ? adapted(ownNames) : start;
    return gradientsAt(new Map([...point, ...start]), episode.query, [...start.keys()]);
  });

/** One episode, as a rule sees it. */
interface EpisodeView<Targets> {
  readonly episode: Episode<Targets>;
  /** What the outer loop trains. */
  readonly start: Parameters;
  /** Names of what adapts and is the episode's own. */
  readonly ownNames: readonly string[];
  /** All raw parameters after the inner loop. */
  adapted(wrt?: readonly string[]): Parameters;
  gradientsAt(raw: Parameters, batch: Episode<Targets>['query'], wrt: readonly string[]): LossAndGradients;
  lossAt(raw: Parameters, batch: Episode<Targets>['query']): tf.Scalar;
}

function metaRule<Targets>(
  name: string,
  setting: MetaLearning<Targets>,
  ofEpisode: (view: EpisodeView<Targets>) => LossAndGradients,
): UpdateRule<Episodes<Targets>> {
  const { inner, steps, objective } = setting;
  const settings = {
    objective: objective.id,
    optimiser: inner.optimiser.id,
    learningRate: inner.learningRate,
    clipNorm: inner.clipNorm,
    batchSize: inner.batchSize,
    steps,
    ...(setting.keeps && setting.keeps.length > 0 && { keeps: setting.keeps }),
  };
  return {
    id: `${name}${JSON.stringify(settings)}`,
    lossAndGradients(request) {
      const { targets: episodes } = request.texts;
      const { dropout, draws } = request.streams;
      return meanOver(episodes, (episode, index) =>
        ofEpisode(
          viewOf(setting, request, episode, {
            dropout: substream(dropout, 'episode', index),
            draws: substream(draws, 'episode', index),
          }),
        ),
      );
    },
  };
}

function viewOf<Targets>(
  { objective, inner, steps, rows, keeps = [], ...parts }: MetaLearning<Targets>,
  { host, method, raw, wrt }: UpdateRequest<Episodes<Targets>>,
  episode: Episode<Targets>,
  streams: { readonly dropout: Stream; readonly draws: Stream },
): EpisodeView<Targets> {
  requireDisjoint(episode);
  const whole = withOwnPart({ host, method, raw }, episode, parts, substream(streams.draws, 'own'));
  const start = new Map(wrt.map((name) => [name, raw.get(name)!]));
  const ownNames = trainableNames(whole.method.plan(host.spec)).filter((name) => whole.own.has(name));
  const common = { host, method: whole.method, objective };
  const complete = (changed: Parameters): Parameters => new Map([...whole.raw, ...changed]);
  return {
    episode,
    start,
    ownNames,
    adapted: (names = [...start.keys(), ...ownNames].filter((name) => !isKept(name, keeps))) =>
      adapt(
        { ...common, support: episode.support, inner, rows, wrt: names, stream: streams.dropout },
        whole.raw,
        steps,
      ),
    gradientsAt(point, texts, names) {
      const batch = toBatch(host, texts);
      const context = { mode: 'train' as const, host: host.spec, batchSize: texts.texts.length, streams };
      return lossAndGradients({ ...common, raw: complete(point), batch, context, wrt: names });
    },
    lossAt(point, texts) {
      const context = evaluationContext(host.spec, texts.texts.length);
      return lossOfBatch({ ...common, raw: complete(point), batch: toBatch(host, texts), context }).loss;
    },
  };
}
