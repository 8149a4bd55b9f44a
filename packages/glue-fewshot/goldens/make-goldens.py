"""Writes permutations.json, splits.json and metrics.json beside this file. Needs numpy, scipy, scikit-learn.

Run: python make-goldens.py. The values come from the reference libraries alone, never from this package.
"""
import hashlib
import json
import pathlib

import numpy as np
import scipy
import scipy.stats
import sklearn
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

here = pathlib.Path(__file__).parent
versions = {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}


def digest(order):
    """sha256 of the order as little-endian int32."""
    return hashlib.sha256(np.asarray(order, dtype="<i4").tobytes()).hexdigest()


def legacy(seed, n):
    np.random.seed(seed)
    rows = list(range(n))
    np.random.shuffle(rows)
    return rows


def entry(kind, seed, n, order):
    order = [int(v) for v in order]
    return {"kind": kind, "seed": str(seed), "count": n, "first": order[:8], "last": order[-8:], "sha256": digest(order)}


def write(name, content):
    (here / name).write_text(json.dumps({"versions": versions, **content}, separators=(",", ":")) + "\n")


permutations = []
for n in [1, 2, 3, 10, 256, 257, 635, 2490, 3668, 8551, 67349]:
    for seed in [0, 13, 42, 1042, 2**32 - 1, 2**32, 2**32 + 7, 2**53 - 1, 2**64 + 12345, 2**200 + 99]:
        permutations.append(entry("default", seed, n, np.random.default_rng(seed).permutation(n)))
    for seed in [0, 13, 21, 42, 87, 100, 2**32 - 1]:
        permutations.append(entry("legacy", seed, n, legacy(seed, n)))
write("permutations.json", {"permutations": permutations})

# LM-BFF's k-shot cut (princeton-nlp/LM-BFF, tools/generate_k_shot_data.py), on invented labels.
splits = []
for seed, k, classes, n in [(13, 4, 2, 60), (42, 16, 3, 300), (100, 2, 5, 90)]:
    labels = np.random.default_rng(seed + 7).integers(0, classes, n).tolist()
    groups = {}
    for row in legacy(seed, n):
        groups.setdefault(labels[row], []).append(row)
    train = [row for group in groups.values() for row in group[:k]]
    dev = [row for group in groups.values() for row in group[k : 2 * k]]
    splits.append({"seed": seed, "k": k, "labels": labels, "train": train, "dev": dev})
write("splits.json", {"lmbff": splits})


def classification(name, labels, predictions):
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    expected = {
        "accuracy": accuracy_score(labels, predictions),
        "macro_f1": f1_score(labels, predictions, average="macro", zero_division=0),
        "matthews": matthews_corrcoef(labels, predictions),
    }
    if max(labels.max(), predictions.max()) <= 1:
        expected["f1"] = f1_score(labels, predictions, zero_division=0)
    return {
        "name": name,
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "expected": {key: 100 * float(value) for key, value in expected.items()},
    }


def regression(name, labels, predictions):
    labels, predictions = np.asarray(labels, float), np.asarray(predictions, float)
    with np.errstate(all="ignore"):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = {
                "pearson": scipy.stats.pearsonr(labels, predictions).statistic,
                "spearman": scipy.stats.spearmanr(labels, predictions).statistic,
            }
    return {
        "name": name,
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "expected": {key: None if np.isnan(value) else 100 * float(value) for key, value in values.items()},
    }


g = np.random.default_rng(2110_07577)
truth = g.integers(0, 2, 60)
rare = (g.random(60) < 0.1).astype(int)
three = g.integers(0, 3, 75)
scores = np.round(g.random(50) * 5, 1)
cases = [
    classification("random binary", truth, g.integers(0, 2, 60)),
    classification("skilled binary", truth, np.where(g.random(60) < 0.8, truth, 1 - truth)),
    classification("rare positives", rare, g.integers(0, 2, 60)),
    classification("all predicted positive", truth, np.ones(60, int)),
    classification("all predicted negative", truth, np.zeros(60, int)),
    classification("no positives at all", np.zeros(9, int), np.zeros(9, int)),
    classification("only positives, all right", np.ones(9, int), np.ones(9, int)),
    classification("all wrong", truth, 1 - truth),
    classification("perfect", truth, truth),
    classification("random three classes", three, g.integers(0, 3, 75)),
    classification("skilled three classes", three, np.where(g.random(75) < 0.7, three, (three + 1) % 3)),
    classification("three classes, one never predicted", three, np.minimum(three, 1)),
    classification("three classes, constant", three, np.full(75, 2)),
    classification("one example", [1], [1]),
]
scored = [
    regression("random scores with ties", scores, np.round(g.random(50) * 5, 1)),
    regression("skilled scores", scores, scores + g.normal(0, 0.8, 50)),
    regression("heavy ties", np.round(scores), np.round(scores + g.normal(0, 1, 50))),
    regression("reversed", scores, -2 * scores + 3),
    regression("perfect", scores, scores),
    regression("constant predictions", scores, np.full(50, 0.1)),
    regression("constant labels", np.full(50, 0.3), scores),
    regression("large offset", scores, scores * 1e-3 + 1e6),
    regression("two examples", [1.0, 2.0], [3.0, 2.5]),
]
write("metrics.json", {"classification": cases, "regression": scored})
