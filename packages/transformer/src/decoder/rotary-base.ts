/** What a config.json says of rotary positions, in the form of transformers 5 (`rope_parameters`) or of earlier versions. */
function ropeOf(json: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { rope_parameters: parameters, rope_scaling: scaling } = json;
  const found = parameters ?? scaling;
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
}

/** The base of the angles; HF's default is 10000. */
export const rotaryBaseOf = (json: Readonly<Record<string, unknown>>): unknown =>
  ropeOf(json)['rope_theta'] ?? json['rope_theta'] ?? 10000;

/** How angles are scaled for longer texts: `default` if they are not. */
export const rotaryTypeOf = (json: Readonly<Record<string, unknown>>): unknown => {
  const { rope_type: named, type } = ropeOf(json);
  return named ?? type ?? 'default';
};
