/** A metric in 0..1 (or -1..1), or undefined where its formula divides by zero. */
export type MetricValue = number | undefined;

type Numbers = ArrayLike<number>;

/** Share of equal pairs. */
export function accuracy(predictions: Numbers, labels: Numbers): MetricValue {
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) right++;
  return right / labels.length;
}

/** F1 of one class: 2 TP / (2 TP + FP + FN). Undefined where the class is neither present nor predicted. */
export function f1(predictions: Numbers, labels: Numbers, positive = 1): MetricValue {
  let both = 0;
  let either = 0;
  for (let i = 0; i < labels.length; i++) {
    const predicted = predictions[i] === positive;
    const actual = labels[i] === positive;
    if (predicted && actual) both++;
    else if (predicted || actual) either++;
  }
  const total = 2 * both + either;
  return total === 0 ? undefined : (2 * both) / total;
}

/** Mean F1 over the classes that are present or predicted (scikit-learn's default set of classes). */
export function macroF1(predictions: Numbers, labels: Numbers): MetricValue {
  const classes = [...new Set([...Array.from(labels), ...Array.from(predictions)])];
  const values = classes.map((label) => f1(predictions, labels, label)!);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Matthews correlation in its form for any number of classes (Gorodkin 2004). Undefined where predictions or labels are constant. */
export function matthews(predictions: Numbers, labels: Numbers): MetricValue {
  const predicted = new Map<number, number>();
  const actual = new Map<number, number>();
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    predicted.set(predictions[i]!, (predicted.get(predictions[i]!) ?? 0) + 1);
    actual.set(labels[i]!, (actual.get(labels[i]!) ?? 0) + 1);
    if (predictions[i] === labels[i]) right++;
  }
  const count = labels.length;
  let chance = 0;
  for (const [label, times] of predicted) chance += times * (actual.get(label) ?? 0);
  const spread = (counts: Map<number, number>) => {
    let squares = 0;
    for (const times of counts.values()) squares += times * times;
    return count * count - squares;
  };
  const scale = spread(predicted) * spread(actual);
  return scale === 0 ? undefined : (right * count - chance) / Math.sqrt(scale);
}
