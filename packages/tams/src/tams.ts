import {
  type HostSpec,
  type Parameters,
  PeftError,
  type PeftMethod,
  type Site,
  sitesOfKind,
  substream,
} from '@tfjs-peft/peft-core';
import {
  getParameter,
  inLayers,
  type MethodDefinition,
  parseConfig,
  rememberPerHost,
} from '@tfjs-peft/peft-core/authoring';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import type * as z from 'zod';
import { applyCell, seesNeighbours } from './cell.js';
import { type TamsConfig, tamsConfig } from './config.js';
import { type Find, scoresOf, softChoice, straightThrough } from './controller.js';
import { cellParts, controllerParts } from './parameters.js';
import { embeddingOfBatches } from './task-embedding.js';

/** Makes TAMS known by name: type `TAMS`. */
export const tamsDefinition: MethodDefinition<typeof tamsConfig> = {
  type: 'TAMS',
  config: tamsConfig,
  create: (config) => createTams(config),
};

/**
 * TAMS (Hou et al. 2022, arXiv 2207.03509, section 2.3): a small residual cell behind each feed-forward network, with an architecture that a controller
 * chooses from the task's embedding; straight-through, so that the choice is learned. Identity at the start. The embedding comes from `prepare`.
 * Errors: `CONFIG_INVALID`; `plan`: `SITE_MISSING`, `TARGET_UNMATCHED`.
 */
export const tams = (config: z.input<typeof tamsConfig> = {}): PeftMethod<TamsConfig> =>
  createTams(parseConfig(tamsConfig, config, 'tams'));

/** True for a method that `tams` made, also one of another copy of this package. */
export const isTams = (method: PeftMethod): method is PeftMethod<TamsConfig> => method.type === tamsDefinition.type;

/** Name of the buffer `[hidden]` that holds the task's embedding; there while the architecture is searched. */
export const taskBufferOf = ({ name }: TamsConfig): string => `${name}.taskEmbedding`;

/** `task` is known once `prepare` was called. */
export function createTams(config: TamsConfig, task?: Float32Array): PeftMethod<TamsConfig> {
  const sitesOn = rememberPerHost((host: HostSpec) => cellSites(config, host));
  const searches = config.architecture === null;
  return {
    type: tamsDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['sublayerAdapter'],
    plan(host) {
      const ofCells = sitesOn(host).flatMap(({ path, size }) =>
        cellParts(config, size).map(({ key, ...part }) => ({
          ...part,
          name: `${config.name}.${path}.${key}`,
          site: path,
          perExample: 'axis' as const,
        })),
      );
      const ofController = controllerParts(config, host.hiddenSize).map(({ key, ...part }) => ({
        ...part,
        name: `${config.name}.${key}`,
        perExample: 'none' as const,
      }));
      const initial = task ? { kind: 'given' as const, values: task } : { kind: 'unprepared' as const };
      const specs = [...ofController, ...ofCells];
      return {
        raw: specs.map(({ name, shape, initial }) => ({ name, shape, initial })),
        effective: specs.map(({ initial: _, ...spec }) => spec),
        ...(searches && {
          buffers: [{ name: taskBufferOf(config), shape: [host.hiddenSize], dtype: 'float32' as const, initial }],
        }),
      };
    },
    intervene(effective, { host, mode, streams }) {
      const noise =
        mode === 'train' && config.gumbelTemperature !== null
          ? { stream: substream(streams.dropout, config.name, 'gumbel'), temperature: config.gumbelTemperature }
          : undefined;
      const choice = searches ? straightThrough(softChoice(choiceScores(config, effective), noise)) : undefined;
      const local = !seesNeighbours(config);
      return sitesOn(host).map(({ path, size }): Intervention => {
        const find: Find = (key) => getParameter(effective, `${config.name}.${path}.${key}`);
        const shared = cellParts(config, size).every(({ key, shape }) => find(key).rank === shape.length);
        return {
          kind: 'sublayerAdapter',
          path,
          placement: 'sequential',
          perToken: shared && local,
          ...(!local && { mixesTokens: true as const }),
          apply: (y, attentionMask) =>
            applyCell(config, find, y, {
              attentionMask,
              causal: host.languageModel !== undefined,
              ...(choice && { choice }),
            }),
        };
      });
    },
    ...(searches &&
      !task && {
        prepare: async (host, { batches }) =>
          createTams(config, await embeddingOfBatches(host, batches, config.taskMean)),
      }),
  };
}

/** `[edges, operations]`, from the parameters of a method that searches. */
export const choiceScores = (config: TamsConfig, effective: Parameters): tf.Tensor2D =>
  scoresOf(
    config,
    (key) => getParameter(effective, `${config.name}.${key}`),
    getParameter(effective, taskBufferOf(config)),
  );

type CellSite = Extract<Site, { kind: 'sublayer' }>;

function cellSites({ layers }: TamsConfig, host: HostSpec): CellSite[] {
  const sites = sitesOfKind(host, 'sublayer').filter(({ place }) => place === 'feedForward');
  if (sites.length === 0)
    throw new PeftError('SITE_MISSING', {
      found: `host "${host.name}" names no feed-forward sublayer among its sites`,
      expected: 'one in each layer',
      fix: 'use another method on this host',
    });
  return inLayers(sites, layers, host);
}
