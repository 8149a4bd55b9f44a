import type { Context, HostSpec, Parameters } from '@tfjs-peft/peft-core';
import { type EffectiveSpec, getParameter } from '@tfjs-peft/peft-core/authoring';
import type * as tf from '@tensorflow/tfjs';
import { type DrawSite, drawOnce } from './draw-once.js';
import { meanOfVertices, mixAll, type Mixture } from './mix-vertices.js';
import { type Simplex, verticesOf } from './simplex.js';

/** The mean of the vertices: what is deployed. */
export const midpoint = (simplex: Simplex, effective: Parameters, host: HostSpec): Parameters =>
  new Map([
    ...simplex
      .planOf(host)
      .effective.map(({ name }): [string, tf.Tensor] => [name, meanOfVertices(verticesOf(simplex, effective, name))]),
    ...buffersOf(simplex, effective, host),
  ]);

/** A drawn point without the parameters `apart`: one value an example where the method can have one, else one a batch. */
export const mixPoint = (
  simplex: Simplex,
  effective: Parameters,
  context: Context,
  draw: DrawSite,
  apart: readonly EffectiveSpec[] = [],
): Parameters => {
  const specs = simplex.planOf(context.host).effective.filter((spec) => !apart.includes(spec));
  const mixed = mixAll(
    specs.map((spec): Mixture => {
      const vertices = verticesOf(simplex, effective, spec.name);
      if (vertices.length === 1) return { vertices: [vertices[0]!] };
      const { coefficients, perExample } = draw(spec, spec.perExample === 'axis');
      return { vertices, coefficients, keepRows: perExample };
    }),
  );
  return new Map([
    ...specs.map(({ name }, index): [string, tf.Tensor] => [name, mixed[index]!]),
    ...buffersOf(simplex, effective, context.host),
  ]);
};

/** The point that a pass is at: the midpoint in evaluation, else a drawn one. */
export const pointFor = (simplex: Simplex, effective: Parameters, context: Context): Parameters =>
  context.mode === 'evaluate'
    ? midpoint(simplex, effective, context.host)
    : mixPoint(simplex, effective, context, drawOnce(simplex.config, context));

const buffersOf = ({ planOf }: Simplex, effective: Parameters, host: HostSpec): [string, tf.Tensor][] =>
  (planOf(host).buffers ?? []).map(({ name }) => [name, getParameter(effective, name)]);
