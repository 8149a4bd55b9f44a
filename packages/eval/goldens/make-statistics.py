"""Writes statistics.json: values of scipy that src/statistics is checked against. Run: python make-statistics.py"""
import json, pathlib
import numpy as np
from scipy import stats

rng = np.random.default_rng(5)
samples = {
    "five": (80 + rng.normal(0, 2, 5)).round(3),
    "ten": (60 + rng.normal(0, 5, 10)).round(2),
    "two": np.array([81.5, 84.0]),
}
def summary(x):
    low, high = stats.t.interval(0.95, len(x) - 1, loc=x.mean(), scale=stats.sem(x))
    return dict(values=x.tolist(), mean=x.mean(), standardDeviation=x.std(ddof=1), interval=[low, high])

def pair(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    t = stats.ttest_rel(a, b)
    interval = t.confidence_interval(0.95)
    narrow = t.confidence_interval(1 - 0.05 / 6)
    exact = stats.PermutationMethod(n_resamples=np.inf)
    n = len(a)
    method = exact if n <= 12 else ("exact" if n <= 50 else "approx")
    w = stats.wilcoxon(a, b, method=method, zero_method="wilcox")
    return dict(a=a.tolist(), b=b.tolist(), mean=(a - b).mean(), pValue=t.pvalue, interval=[interval.low, interval.high],
                narrow=[narrow.low, narrow.high], wilcoxonP=w.pvalue)

big = rng.normal(70, 3, 60).round(6)
pairs = [
    pair([81.5, 82.5, 83.4, 84.0], [79.0, 81.9, 81.5, 76.6]),
    pair([82.1, 81.8, 82.4, 83.5], [81.5, 82.5, 83.4, 84.0]),
    pair([1, 2, 3, 4, 5, 6, 7], [1, 1, 2, 5, 4, 4, 9]),          # a zero and ties
    pair((70 + rng.normal(0, 3, 10)).round(6), (68 + rng.normal(0, 3, 10)).round(6)),
    pair((70 + rng.normal(0, 3, 25)).round(6), (68 + rng.normal(0, 3, 25)).round(6)),
    pair(big, (big - rng.normal(0.7, 3, 60)).round(6)),
]
t = [dict(t=x, df=df, cdf=stats.t.cdf(x, df), twoSided=2 * stats.t.sf(abs(x), df))
     for df in (1, 2, 3, 4, 9, 30, 500) for x in (-40.0, -3.2, -1.0, -0.01, 0.0, 0.5, 2.776, 12.0)]
quantiles = [dict(p=p, df=df, t=stats.t.ppf(p, df)) for df in (1, 2, 4, 9, 39, 400) for p in (0.005, 0.025, 0.4, 0.9, 0.975, 0.99875)]
p_values = [0.012, 0.04, 0.0004, 0.03, 0.8, 0.2]
order = np.argsort(p_values); m = len(p_values)
holm = np.empty(m); holm[order] = np.minimum(1, np.maximum.accumulate(np.array(p_values)[order] * (m - np.arange(m))))
out = dict(scipy=__import__("scipy").__version__, summaries={k: summary(v) for k, v in samples.items()}, pairs=pairs, studentT=t, quantiles=quantiles,
           holm=dict(pValues=p_values, adjusted=holm.tolist()))
(pathlib.Path(__file__).parent / "statistics.json").write_text(json.dumps(out, indent=1) + "\n")
