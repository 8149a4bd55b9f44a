import {
  type Context,
  effectiveParameters,
  type EffectiveSpec,
  foldMethod,
  getParameter,
  type Host,
  type HostInputs,
  type HostSpec,
  type Intervention,
  type Interventions,
  isHead,
  type MethodDefinition,
  namespaceOf,
  type Parameters,
  parseConfig,
  PeftError,
  type PeftMethod,
  type Preparation,
  randomWords,
  rememberPerHost,
  substream,
  type WeightDelta,
} from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type { z } from 'zod';
import { type SubspaceConfig, subspaceConfig } from './config.js';
import { squaredCosine } from './cosine-penalty.js';
import { drawCoefficients } from './draw-coefficients.js';
import { meanOfVertices, mixVertices } from './mix-vertices.js';
import { prepareVertices } from './prepare-vertices.js';
import { mergeVertices, selectVertex, vertexName } from './vertex-names.js';

export const subspaceDefinition: MethodDefinition<typeof subspaceConfig> = {
  type: 'SUBSPACE',
  config: subspaceConfig,
  create: (config, [part, ...others]) => {
    if (part && others.length === 0) return createSubspace(part, config);
    throw new PeftError('CONFIG_INVALID', {
      found: `a SUBSPACE of ${others.length + (part ? 1 : 0)} methods`,
      expected: 'exactly one (a COMPOSE counts as one)',
    });
  },
};

/**
 * A whole simplex of any method instead of one point: m independently initialised vertices are trained together, every pass in training
 * mixes them at random points (per example and site by default), and deployment takes the midpoint. Falissard, Guigue and Soulier 2023
 * (arXiv 2310.15793) for prefixes and heads; a reimplementation.
 *
 * Errors: `CONFIG_INVALID`; `WRAPPED_TWICE` for a simplex of a simplex.
 */
export const subspace = (method: PeftMethod, config: z.input<typeof subspaceConfig> = {}): PeftMethod<SubspaceConfig> =>
  createSubspace(method, parseConfig(subspaceConfig, config, 'subspace'));

export const isSubspace = (method: PeftMethod): method is PeftMethod<SubspaceConfig> =>
  method.type === subspaceDefinition.type;

/** `prepared` has one concrete method a vertex, the first of them `inner`; without it all vertices are copies of `inner`. */
function createSubspace(
  inner: PeftMethod,
  config: SubspaceConfig,
  prepared?: readonly PeftMethod[],
): PeftMethod<SubspaceConfig> {
  if (containsSubspace(inner))
    throw new PeftError('WRAPPED_TWICE', {
      found: 'a simplex of a method that already is, or contains, a simplex',
      fix: 'wrap once, around the composition: subspace(compose(a, b))',
    });
  const heads = headNamespaces(inner);
  /** Namespaces with one copy for the whole simplex. */
  const shared = config.head ? new Set<string>() : heads;
  const { vertices } = config;
  const indices = Array.from({ length: vertices }, (_, vertex) => vertex);
  const isShared = (name: string) => shared.has(namespaceOf(name));
  const isHeadName = (name: string) => heads.has(namespaceOf(name));
  const planOf = rememberPerHost((host) => inner.plan(host));

  const copies = <Spec extends { readonly name: string }>(
    specsOf: (vertex: number) => readonly Spec[],
    copy: (spec: Spec, vertex: number) => Spec,
  ) => [
    ...indices.flatMap((vertex) =>
      specsOf(vertex)
        .filter(({ name }) => !isShared(name))
        .map((spec) => copy(spec, vertex)),
    ),
    ...specsOf(0).filter(({ name }) => isShared(name)),
  ];
  const verticesOf = (effective: Parameters, name: string) =>
    isShared(name)
      ? [getParameter(effective, name)]
      : indices.map((vertex) => getParameter(effective, vertexName(name, vertex)));

  const midpoint = (effective: Parameters, host: HostSpec): Parameters =>
    new Map(planOf(host).effective.map(({ name }) => [name, meanOfVertices(verticesOf(effective, name))]));

  /** A drawn point: one value an example where the method can have one, else one a batch. */
  const mix = (effective: Parameters, context: Context, draw: DrawSite, apart: readonly EffectiveSpec[] = []) =>
    new Map<string, tf.Tensor>(
      planOf(context.host)
        .effective.filter((spec) => !apart.includes(spec))
        .map((spec) => {
          const points = verticesOf(effective, spec.name);
          if (points.length === 1) return [spec.name, points[0]!];
          const { coefficients, perExample } = draw(spec, spec.perExample === 'axis');
          return [spec.name, mixVertices(points, coefficients, perExample)];
        }),
    );
  const pointFor = (effective: Parameters, context: Context) =>
    context.mode === 'evaluate'
      ? midpoint(effective, context.host)
      : mix(effective, context, drawOnce(config, context));

  const intervene = (effective: Parameters, context: Context): Interventions => {
    if (context.mode === 'evaluate') return inner.intervene(midpoint(effective, context.host), context);
    const draw = drawOnce(config, context);
    const mixesOutputs = vertices > 1 && config.granularity.startsWith('example');
    const byOutputs = planOf(context.host).effective.filter(
      ({ name, perExample }) => mixesOutputs && perExample === 'outputs' && !isShared(name),
    );
    const point = mix(effective, context, draw, byOutputs);
    if (byOutputs.length === 0) return inner.intervene(point, context);
    // Dense deltas: every vertex acts, on each example with its share. The map is affine in them, so that outputs mix as weights would.
    const ofVertex = indices.map((vertex) =>
      inner.intervene(
        new Map([...point, ...byOutputs.map(({ name }) => [name, verticesOf(effective, name)[vertex]!] as const)]),
        context,
      ),
    );
    const specAt = new Map(byOutputs.map((spec) => [spec.site, spec]));
    return [
      ...ofVertex[0]!.filter((item) => !isOutputDelta(item, specAt)),
      ...ofVertex.flatMap((items, vertex) =>
        items
          .filter((item) => isOutputDelta(item, specAt))
          .map((item): WeightDelta => {
            const { coefficients } = draw(specAt.get(item.path)!, true);
            const column = coefficients.slice([0, vertex], [-1, 1]).reshape([-1]) as tf.Tensor1D;
            return { ...item, shares: item.shares ? item.shares.mul<tf.Tensor1D>(column) : column };
          }),
      ),
    ];
  };

  return {
    type: subspaceDefinition.type,
    config,
    namespaces: inner.namespaces,
    parts: [inner],
    withParts: ([part]) => createSubspace(part!, config),
    plan(host) {
      const { raw, effective } = planOf(host);
      const rawOf = (vertex: number) => (vertex === 0 ? raw : (prepared?.[vertex]?.plan(host).raw ?? raw));
      return {
        raw: copies(rawOf, (spec, vertex) => ({
          ...spec,
          name: vertexName(spec.name, vertex),
          // The first vertex starts where the method alone would: one vertex is the plain method, bit for bit.
          stream: vertex === 0 ? (spec.stream ?? spec.name) : vertexName(spec.stream ?? spec.name, vertex),
        })),
        effective: copies(
          () => effective,
          (spec, vertex) => ({ ...spec, name: vertexName(spec.name, vertex) }),
        ),
      };
    },
    reparametrise: (raw, host) =>
      inner.reparametrise
        ? mergeVertices(
            indices.map((vertex) => effectiveParameters(inner, selectVertex(raw, vertex), host)),
            isShared,
          )
        : raw,
    intervene,
    penalty(effective, context) {
      const innerPenalty = inner.penalty?.(pointFor(effective, context), context);
      const names = planOf(context.host).effective.filter(
        ({ name }) => !isShared(name) && (config.regulariseHead || !isHeadName(name)),
      );
      if (vertices === 1 || config.beta === 0 || config.regularisation === 'off' || names.length === 0)
        return innerPenalty ?? tf.scalar(0);
      const [first, second] = randomPair(context, vertices);
      const groups = config.regularisation === 'flat' ? [names] : groupBySite(names);
      const cosines = groups.map((group) =>
        squaredCosine(
          group.map(({ name }) => getParameter(effective, vertexName(name, first))),
          group.map(({ name }) => getParameter(effective, vertexName(name, second))),
        ),
      );
      const penalty = tf.addN(cosines).mul(config.beta / cosines.length);
      return (innerPenalty ? penalty.add(innerPenalty) : penalty) as tf.Scalar;
    },
    objective(objective) {
      const wrapped = inner.objective?.(objective) ?? objective;
      if (config.trainDraws === 1) return wrapped;
      return (pass, context) => {
        const losses = Array.from({ length: config.trainDraws }, (_, draw) =>
          wrapped(pass, { ...context, streams: { ...context.streams, draws: substream(context.streams.draws, draw) } }),
        );
        return tf.addN(losses).div(config.trainDraws) as tf.Scalar;
      };
    },
    ...(inner.prepare && {
      async prepare(host: Host, data: AsyncIterable<HostInputs>, preparation: Preparation) {
        const starts = await prepareVertices(inner, vertices, host, data, preparation);
        return createSubspace(starts[0]!, config, starts);
      },
    }),
    ...(inner.afterStep && {
      afterStep: (raw: Parameters) =>
        mergeVertices(
          indices.map((vertex) => inner.afterStep!(selectVertex(raw, vertex))),
          isShared,
        ),
    }),
    fold(effective) {
      const names = new Set([...effective.keys()].map((name) => name.replace(/\.vertex\.\d+\./, '.')));
      const folded = new Map([...names].map((name) => [name, meanOfVertices(verticesOf(effective, name))]));
      return foldMethod(inner, folded);
    },
  };
}

type DrawSite = (
  spec: EffectiveSpec,
  canDiffer: boolean,
) => { readonly coefficients: tf.Tensor2D; readonly perExample: boolean };

const isOutputDelta = (item: Intervention, specAt: ReadonlyMap<string, EffectiveSpec>): item is WeightDelta =>
  item.kind === 'weightDelta' && specAt.has(item.path);

/** Each site's coefficients of one pass, drawn when first asked for. */
function drawOnce({ granularity, distribution, vertices, shareSiteDraws }: SubspaceConfig, context: Context): DrawSite {
  const drawn = new Map<string, tf.Tensor2D>();
  const everySite = granularity.endsWith('_layer');
  return ({ name, site }: EffectiveSpec, canDiffer: boolean) => {
    const perExample = granularity.startsWith('example') && canDiffer;
    const rows = perExample ? context.batchSize : 1;
    const key = `${everySite ? (shareSiteDraws ? site : name) : 'all'}:${rows}`;
    let coefficients = drawn.get(key);
    if (!coefficients) {
      const values = drawCoefficients(substream(context.streams.draws, key), rows, vertices, distribution);
      coefficients = tf.tensor2d(values, [rows, vertices]);
      drawn.set(key, coefficients);
    }
    return { coefficients, perExample };
  };
}

function randomPair({ streams }: Context, vertices: number): [number, number] {
  const [a, b] = randomWords(substream(streams.draws, 'pair'), 2);
  const first = Math.floor((a! / 0x100000000) * vertices);
  const second = (first + 1 + Math.floor((b! / 0x100000000) * (vertices - 1))) % vertices;
  return [first, second];
}

const groupBySite = (specs: readonly EffectiveSpec[]): EffectiveSpec[][] =>
  [...new Set(specs.map(({ site }) => site))].map((site) => specs.filter((spec) => spec.site === site));

const containsSubspace = (method: PeftMethod): boolean =>
  isSubspace(method) || (method.parts ?? []).some(containsSubspace);

const headNamespaces = (method: PeftMethod): Set<string> =>
  new Set(isHead(method) ? method.namespaces : (method.parts ?? []).flatMap((part) => [...headNamespaces(part)]));
