import {
  type Context,
  effectiveParameters,
  type EffectiveSpec,
  foldMethod,
  getParameter,
  headsOf,
  type Host,
  type HostSpec,
  type Intervention,
  type Interventions,
  type Loss,
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
  type SparseWeightDelta,
  type WeightDelta,
} from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import type * as z from 'zod';
import { type SubspaceConfig, subspaceConfig } from './config.js';
import { squaredCosine } from './cosine-penalty.js';
import { drawCoefficients } from './draw-coefficients.js';
import { meanOfVertices, mixVertices } from './mix-vertices.js';
import { prepareVertices } from './prepare-vertices.js';
import { mergeVertices, selectVertex, sharedIn, vertexName } from './vertex-names.js';

/** Makes simplexes known by name: type `SUBSPACE`. */
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

/** True for a simplex, also one that another copy of this package made. */
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
  const headNamespaces = new Set(headsOf(inner).flatMap(({ namespaces }) => namespaces));
  const { vertices } = config;
  const indices = Array.from({ length: vertices }, (_, vertex) => vertex);
  const isHeadName = (name: string) => headNamespaces.has(namespaceOf(name));
  const planOf = rememberPerHost((host) => {
    const plan = inner.plan(host);
    // What has one copy for the whole simplex.
    const specs = [...plan.raw, ...plan.effective].filter(
      (spec) => spec.shared || (!config.head && isHeadName(spec.name)),
    );
    return { ...plan, shared: new Set([...specs, ...(plan.buffers ?? [])].map(({ name }) => name)) };
  });

  const copies = <Spec extends { readonly name: string }>(
    host: HostSpec,
    specsOf: (vertex: number) => readonly Spec[],
    copy: (spec: Spec, vertex: number) => Spec,
  ) => {
    const { shared } = planOf(host);
    return [
      ...indices.flatMap((vertex) =>
        specsOf(vertex)
          .filter(({ name }) => !shared.has(name))
          .map((spec) => copy(spec, vertex)),
      ),
      ...specsOf(0).filter(({ name }) => shared.has(name)),
    ];
  };
  /** All vertices of a parameter, or the one copy that they share. */
  const verticesOf = (effective: Parameters, name: string): readonly tf.Tensor[] => {
    const shared = effective.get(name);
    return shared ? [shared] : indices.map((vertex) => getParameter(effective, vertexName(name, vertex)));
  };
  const buffersOf = (effective: Parameters, host: HostSpec): [string, tf.Tensor][] =>
    (planOf(host).buffers ?? []).map(({ name }) => [name, getParameter(effective, name)]);

  const midpoint = (effective: Parameters, host: HostSpec): Parameters =>
    new Map([
      ...planOf(host).effective.map(({ name }): [string, tf.Tensor] => [
        name,
        meanOfVertices(verticesOf(effective, name)),
      ]),
      ...buffersOf(effective, host),
    ]);

  /** A drawn point: one value an example where the method can have one, else one a batch. */
  const mix = (effective: Parameters, context: Context, draw: DrawSite, apart: readonly EffectiveSpec[] = []) =>
    new Map<string, tf.Tensor>([
      ...planOf(context.host)
        .effective.filter((spec) => !apart.includes(spec))
        .map((spec): [string, tf.Tensor] => {
          const points = verticesOf(effective, spec.name);
          if (points.length === 1) return [spec.name, points[0]!];
          const { coefficients, perExample } = draw(spec, spec.perExample === 'axis');
          return [spec.name, mixVertices(points, coefficients, perExample)];
        }),
      ...buffersOf(effective, context.host),
    ]);
  const pointFor = (effective: Parameters, context: Context) =>
    context.mode === 'evaluate'
      ? midpoint(effective, context.host)
      : mix(effective, context, drawOnce(config, context));

  const intervene = (effective: Parameters, context: Context): Interventions => {
    if (context.mode === 'evaluate') return inner.intervene(midpoint(effective, context.host), context);
    const draw = drawOnce(config, context);
    const mixesOutputs = vertices > 1 && config.granularity.startsWith('example');
    const { effective: specs, shared } = planOf(context.host);
    const byOutputs = specs.filter(
      ({ name, perExample }) => mixesOutputs && perExample === 'outputs' && !shared.has(name),
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
    const specAt = new Map(byOutputs.map((spec) => [spec.site!, spec]));
    return [
      ...ofVertex[0]!.filter((item) => !isOutputDelta(item, specAt)),
      ...ofVertex.flatMap((items, vertex) =>
        items
          .filter((item) => isOutputDelta(item, specAt))
          .map((item): OutputDelta => {
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
    ...(inner.kinds && { kinds: inner.kinds }),
    parts: [inner],
    withParts: ([part]) => createSubspace(part!, config),
    plan(host) {
      const { raw, effective, buffers } = planOf(host);
      const rawOf = (vertex: number) => (vertex === 0 ? raw : (prepared?.[vertex]?.plan(host).raw ?? raw));
      return {
        raw: copies(host, rawOf, (spec, vertex) => ({
          ...spec,
          name: vertexName(spec.name, vertex),
          // The first vertex starts where the method alone would: one vertex is the plain method, bit for bit.
          stream: vertex === 0 ? (spec.stream ?? spec.name) : vertexName(spec.stream ?? spec.name, vertex),
        })),
        effective: copies(
          host,
          () => effective,
          (spec, vertex) => ({ ...spec, name: vertexName(spec.name, vertex) }),
        ),
        ...(buffers && { buffers }),
      };
    },
    reparametrise: (raw, host) =>
      inner.reparametrise
        ? mergeVertices(
            indices.map((vertex) => effectiveParameters(inner, selectVertex(raw, vertex), host)),
            planOf(host).shared,
          )
        : raw,
    intervene,
    penalty(effective, context) {
      const innerPenalty = inner.penalty?.(pointFor(effective, context), context);
      const { effective: specs, shared } = planOf(context.host);
      const names = specs.filter(({ name }) => !shared.has(name) && (config.regulariseHead || !isHeadName(name)));
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
      return {
        id: wrapped.id,
        loss: (pass, batch, context) =>
          meanLoss(
            Array.from({ length: config.trainDraws }, (_, draw) => {
              const draws = substream(context.streams.draws, draw);
              return wrapped.loss(pass, batch, { ...context, streams: { ...context.streams, draws } });
            }),
          ),
      };
    },
    ...(inner.prepare && {
      async prepare(host: Host, preparation: Preparation) {
        const starts = await prepareVertices(inner, vertices, host, preparation);
        return createSubspace(starts[0]!, config, starts);
      },
    }),
    ...(inner.afterStep && {
      afterStep: (raw: Parameters) =>
        mergeVertices(
          indices.map((vertex) => inner.afterStep!(selectVertex(raw, vertex))),
          sharedIn(raw),
        ),
    }),
    fold(effective) {
      const names = new Set([...effective.keys()].map((name) => name.replace(/\.vertex\.\d+\./, '.')));
      const folded = new Map([...names].map((name) => [name, meanOfVertices(verticesOf(effective, name))]));
      return foldMethod(inner, folded);
    },
  };
}

/** The mean of several losses, term by term. */
function meanLoss(losses: readonly Loss[]): Loss {
  const mean = (values: readonly tf.Scalar[]) => tf.addN([...values]).div<tf.Scalar>(values.length);
  const terms = Object.keys(losses[0]!.terms ?? {}).map((name) => [
    name,
    mean(losses.map((loss) => loss.terms![name]!)),
  ]);
  return {
    loss: mean(losses.map(({ loss }) => loss)),
    ...(terms.length > 0 && { terms: Object.fromEntries(terms) as Record<string, tf.Scalar> }),
  };
}

type DrawSite = (
  spec: EffectiveSpec,
  canDiffer: boolean,
) => { readonly coefficients: tf.Tensor2D; readonly perExample: boolean };

/** What examples can share out: a dense or a sparse delta of a weight. */
type OutputDelta = WeightDelta | SparseWeightDelta;

const isOutputDelta = (item: Intervention, specAt: ReadonlyMap<string, EffectiveSpec>): item is OutputDelta =>
  (item.kind === 'weightDelta' || item.kind === 'sparseWeightDelta') && specAt.has(item.path);

/** Each site's coefficients of one pass, drawn when first asked for. */
function drawOnce({ granularity, distribution, vertices, shareSiteDraws }: SubspaceConfig, context: Context): DrawSite {
  const drawn = new Map<string, tf.Tensor2D>();
  const everySite = granularity.endsWith('_layer');
  return ({ name, site = name }: EffectiveSpec, canDiffer: boolean) => {
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
  [...new Set(specs.map(placeOf))].map((place) => specs.filter((spec) => placeOf(spec) === place));

/** Where a parameter acts; one without a site stands for itself. */
const placeOf = ({ site, name }: EffectiveSpec): string => site ?? name;

const containsSubspace = (method: PeftMethod): boolean =>
  isSubspace(method) || (method.parts ?? []).some(containsSubspace);
