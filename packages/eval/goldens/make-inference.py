"""Writes inference.json: values of scipy and statsmodels that src/statistics is checked against. Run: python make-inference.py"""
import json, pathlib, warnings
import numpy as np, pandas as pd, scipy, statsmodels
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

warnings.simplefilter("ignore")
rng = np.random.default_rng(11)

def flips(x):
    """All sign patterns, by scipy."""
    p = stats.permutation_test((x,), lambda s, axis: np.mean(s, axis=axis), permutation_type="samples", n_resamples=np.inf)
    return dict(differences=x.tolist(), pValue=p.pvalue)

def tost(x, margin):
    p, _, _ = DescrStatsW(x).ttost_mean(-margin, margin)
    low, high = DescrStatsW(x).tconfint_mean(alpha=0.1)
    return dict(differences=x.tolist(), margin=margin, pValue=p, interval=[low, high])

def tau(a, b):
    return dict(a=a.tolist(), b=b.tolist(), tau=stats.kendalltau(a, b).statistic)

def concordance(scores):
    k, n = scores.shape
    chi2 = stats.friedmanchisquare(*scores.T).statistic
    return dict(scores=scores.tolist(), concordance=chi2 / (k * (n - 1)))

def components(d, t, n):
    x = (rng.normal(0, 2, d)[:, None, None] + rng.normal(0, 1, (d, t))[:, :, None] + rng.normal(0, 3, n)
         + rng.normal(0, 1, (d, 1, n)) + rng.normal(0, 2, (d, t, n))).round(4)
    f = pd.DataFrame([(f"d{i}", f"t{i}{j}", f"i{k}", x[i, j, k]) for i in range(d) for j in range(t) for k in range(n)], columns=list("dtix"))
    f["u"] = f.t.str[-1]
    ms = anova_lm(smf.ols("x ~ C(d) + C(d):C(u) + C(i) + C(d):C(i)", f).fit())
    ms = (ms["sum_sq"] / ms["df"]).to_dict()
    return dict(values=x.tolist(), data=ms["C(d)"], training=ms["C(d):C(u)"], item=ms["C(i)"], dataByItem=ms["C(d):C(i)"], rest=ms["Residual"])

def factorial(units):
    rows = []
    for u in range(units):
        base = rng.normal(70, 2)
        for a in (0, 1):
            for b in (0, 1):
                rows.append((f"u{u}", a, b, round(base + 3 * a - b + 2 * a * b + rng.normal(0, 1), 4)))
    f = pd.DataFrame(rows, columns=["unit", "a", "b", "y"])
    f["A"], f["B"] = 2 * f.a - 1, 2 * f.b - 1
    fit = smf.ols("y ~ A * B", f).fit()
    return dict(cells=f[["unit", "a", "b", "y"]].values.tolist(), effects={k: 2 * fit.params[k] for k in ("A", "B", "A:B")})

def calibration(n, classes, bins):
    logits = rng.normal(0, 2, (n, classes)); p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = rng.integers(0, classes, n)
    conf, right = p.max(1), p.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    ece = sum(abs(right[m].mean() - conf[m].mean()) * m.mean() for a, b in zip(edges, edges[1:]) for m in [(conf > a) & (conf <= b)] if m.any())
    return dict(probabilities=p.ravel().tolist(), labels=labels.tolist(), bins=bins, expectedError=ece, brier=((p - np.eye(classes)[labels]) ** 2).sum(1).mean())

out = dict(
    versions=dict(scipy=scipy.__version__, statsmodels=statsmodels.__version__),
    flips=[flips(np.array([2.5, 0.6, 1.9, 7.4])), flips(rng.normal(0.8, 1, 9).round(3)), flips(np.array([1.0, -1.0, 2.0, 0.0, 3.0, 1.0]))],
    mcnemar=[dict(onlyFirst=b, onlySecond=c, pValue=mcnemar([[50, b], [c, 20]], exact=True).pvalue) for b, c in ((3, 12), (0, 4), (40, 41), (7, 7), (0, 0), (300, 250))],
    equivalence=[tost(rng.normal(0.1, 1, 10).round(3), 1.0), tost(rng.normal(0.9, 1, 5).round(3), 1.0), tost(rng.normal(0, 0.2, 6).round(3), 0.5)],
    power=[dict(n=n, power=p, alpha=a, effect=TTestPower().solve_power(nobs=n, power=p, alpha=a)) for n, p, a in ((3, 0.8, 0.05), (5, 0.8, 0.05), (10, 0.9, 0.05), (40, 0.8, 0.01))],
    tau=[tau(rng.normal(0, 1, 12).round(2), rng.normal(0, 1, 12).round(2)), tau(rng.integers(0, 4, 20), rng.integers(0, 3, 20))],
    concordance=[concordance(rng.normal(0, 1, (6, 4)).round(2)), concordance(rng.integers(0, 3, (5, 5)).astype(float))],
    components=[components(3, 2, 4), components(4, 3, 5)],
    factorial=factorial(4),
    calibration=[calibration(40, 2, 15), calibration(30, 4, 10)],
)
clean = lambda v: {k: clean(x) for k, x in v.items()} if isinstance(v, dict) else [clean(x) for x in v] if isinstance(v, (list, tuple)) else v.item() if isinstance(v, np.generic) else v
(pathlib.Path(__file__).parent / "inference.json").write_text(json.dumps(clean(out)) + "\n")
