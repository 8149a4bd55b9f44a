"""Goldens of gradient kernels and of their solvers, in double precision: torch and numpy on the CPU.

Usage: python make_kernel_goldens.py TINY_BERT OUT
TINY_BERT is packages/transformer/test/tiny-bert, OUT gets kernels.json: for six texts the three kernels of all weights of the encoder by tensor group,
the logits, the change of the logits after one step of SGD and of sign descent; and solutions of the solvers on fixed systems.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch.func import functional_call, jacrev
from transformers import BertForSequenceClassification

TEXTS = [[2, 5, 6, 7, 3], [2, 6, 6, 3], [2, 9, 10, 11, 12, 5, 3], [2, 13, 3], [2, 5, 14, 15, 16, 3], [2, 90, 41, 6, 3]]


def group_of(name):
    if name.startswith("classifier"):
        return "head"
    if "embeddings" in name:
        return "embeddings"
    return "biases" if name.endswith("bias") else "weights"


def model_kernels(folder):
    model = BertForSequenceClassification.from_pretrained(folder, attn_implementation="eager").double().eval()
    params = {name: value.detach() for name, value in model.named_parameters()}

    def logits_of(values, ids):
        ids = torch.tensor([ids])
        types = torch.tensor([[int(i > 2) for i in range(ids.shape[1])]])
        return functional_call(model, values, (ids,), {"token_type_ids": types}).logits[0]

    rows = [jacrev(logits_of)(params, ids) for ids in TEXTS]
    flat = {name: torch.stack([row[name].reshape(3, -1) for row in rows]).reshape(len(TEXTS) * 3, -1) for name in params}
    kinds = {"sgd": (False, False), "signgd": (True, True), "asymmetric-signgd": (True, False)}
    signs = lambda x, take: torch.where(x.abs() <= 1e-6, 0, x.sign()) if take else x
    kernels = {}
    for kind, (left, right) in kinds.items():
        groups = {}
        for name, g in flat.items():
            k = signs(g, left) @ signs(g, right).T
            groups[group_of(name)] = groups.get(group_of(name), 0) + k
        kernels[kind] = {group: k.reshape(-1).tolist() for group, k in groups.items()}
    logits = torch.stack([logits_of(params, ids) for ids in TEXTS])

    # One step on the first text alone, all weights, loss = logit 1 of it: chi = 1.
    eta = 1e-6
    steps = {}
    for kind, direction in {"sgd": lambda g: g, "signgd": torch.sign}.items():
        moved = {name: params[name] - eta * direction(rows[0][name][1]) for name in params}
        after = torch.stack([logits_of(moved, ids) for ids in TEXTS])
        steps[kind] = ((after - logits) / eta).reshape(-1).tolist()
    return {"texts": TEXTS, "logits": logits.reshape(-1).tolist(), "kernels": kernels, "steps": steps}


def solver_systems():
    rng = np.random.default_rng(0)
    n, m = 7, 4
    g = rng.normal(size=(n + m, 20))
    s = np.sign(g)
    y = np.where(rng.normal(size=n) > 0, 1.0, -1.0)
    f0, f1, scale = rng.normal(size=n), rng.normal(size=m), 10.0
    symmetric, across = g[:n] @ g[:n].T, g[:n] @ g[n:].T
    asym, asym_across, flipped = s[:n] @ g[:n].T, s[:n] @ g[n:].T, g[:n] @ s[n:].T
    low = g[:n, :3] @ g[:n, :3].T
    low_across = g[:n, :3] @ g[n:, :3].T
    sigma = np.linalg.svd(symmetric, compute_uv=False)[0]
    r = y - f0 / scale
    predict = lambda a, alpha: (a.T @ alpha + f1 / scale).tolist()
    gamma, lam = 2.0, 0.3
    system = np.block([[np.eye(n) / gamma, asym], [asym.T, np.eye(n) / gamma]])
    ab = np.linalg.solve(system, np.concatenate([r, r]))
    results = {
        "leastSquares": predict(across, np.linalg.pinv(symmetric) @ r),
        "ridge": predict(across, np.linalg.solve(symmetric + 0.1 * sigma * np.eye(n), r)),
        "leastNorm": predict(low_across, np.linalg.pinv(low, rcond=1e-12) @ r),
        "asymmetricRegression": predict(asym_across, np.linalg.solve(asym.T, r)),
        "asymmetricMachine": (lam * asym_across.T @ ab[:n] + (1 - lam) * flipped.T @ ab[n:] + f1 / scale).tolist(),
    }
    flat = lambda a: np.asarray(a).reshape(-1).tolist()
    return {
        "n": n, "m": m, "targets": flat(y), "outputs": flat(f0), "otherOutputs": flat(f1), "scale": scale, "gamma": gamma, "mixture": lam,
        "symmetric": flat(symmetric), "across": flat(across), "asymmetric": flat(asym), "asymmetricAcross": flat(asym_across), "flipped": flat(flipped),
        "low": flat(low), "lowAcross": flat(low_across), "largestSingularValue": float(sigma), "results": results,
    }  # fmt: skip


def main():
    tiny, out = Path(sys.argv[1]), Path(sys.argv[2])
    round12 = lambda v: float(f"{v:.12g}") if isinstance(v, float) else v
    walk = lambda v: {k: walk(x) for k, x in v.items()} if isinstance(v, dict) else [walk(x) for x in v] if isinstance(v, list) else round12(v)
    # Solvers are compared to more digits than kernels, and a low rank must stay low.
    golden = {"model": walk(model_kernels(tiny)), "solvers": solver_systems()}
    (out / "kernels.json").write_text(json.dumps(golden) + "\n")


main()
