"""Makes the small goldens of this package with torch, transformers and scikit-learn: python make_goldens.py [folder]"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent


def write(name, value):
    (folder / f"{name}.json").write_text(json.dumps(value) + "\n")


def numbers(tensor):
    return [float(number) for number in tensor.flatten()]


def make_adamw():
    """Ten AdamW steps of torch on a matrix (decayed) and a bias (not decayed), gradients given, clipped and not, with a schedule."""
    cases = []
    for clip, decay, schedule in [(None, 0.0, "constant"), (1.0, 0.1, "linear")]:
        generator = torch.Generator().manual_seed(7)
        weight = torch.nn.Parameter(torch.randn(3, 4, generator=generator))
        bias = torch.nn.Parameter(torch.randn(3, generator=generator))
        start = [numbers(weight), numbers(bias)]
        groups = [{"params": [weight], "weight_decay": decay}, {"params": [bias], "weight_decay": 0.0, "lr": 0.02}]
        optimiser = torch.optim.AdamW(groups, lr=0.05, betas=(0.9, 0.99), eps=1e-3)
        factors = {
            "constant": lambda: get_constant_schedule_with_warmup(optimiser, 0),
            "linear": lambda: get_linear_schedule_with_warmup(optimiser, 2, 10),
        }
        scheduler = factors[schedule]()
        steps = []
        for step in range(10):
            # The sizes differ by step, so that some norms are clipped and some are not.
            size = [0.01, 0.3, 3.0][step % 3]
            weight.grad = torch.randn(3, 4, generator=generator) * size
            bias.grad = torch.randn(3, generator=generator) * size
            gradients = [numbers(weight.grad), numbers(bias.grad)]
            norm = torch.nn.utils.clip_grad_norm_([weight, bias], clip if clip is not None else 1e30)
            optimiser.step()
            scheduler.step()
            steps.append({"gradients": gradients, "norm": float(norm), "values": [numbers(weight), numbers(bias)]})
        cases.append({"clipNorm": clip, "weightDecay": decay, "schedule": schedule, "start": start, "steps": steps})
    write("adamw", {"shapes": [[3, 4], [3]], "rates": [0.05, 0.02], "betas": [0.9, 0.99], "epsilon": 1e-3, "cases": cases})


def make_schedules():
    """Factors of the schedules of transformers for each of 20 steps, 3 of them warm-up."""
    makers = {
        "linear": lambda o: get_linear_schedule_with_warmup(o, 3, 20),
        "cosine": lambda o: get_cosine_schedule_with_warmup(o, 3, 20),
        "constant": lambda o: get_constant_schedule_with_warmup(o, 3),
    }
    result = {}
    for name, maker in makers.items():
        optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = maker(optimiser)
        result[name] = []
        for _ in range(20):
            result[name].append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            scheduler.step()
    write("schedules", {"steps": 20, "warmupRatio": 0.15, "factors": result})


def make_probes():
    random = np.random.default_rng(5)
    size, train, test = 5, 40, 6
    centres = random.normal(size=(3, size)) * 0.8
    result = []
    for classes, inverse_strength in [(2, 1.0), (3, 1.0), (3, 0.1)]:
        labels = random.integers(0, classes, train)
        spread = np.array([1.0, 10.0, 0.1, 3.0, 1.0])
        features = ((centres[labels] + random.normal(size=(train, size))) * spread + 4).astype(np.float32)
        tests = ((centres[random.integers(0, classes, test)] + random.normal(size=(test, size))) * spread + 4).astype(np.float32)
        scaler = StandardScaler().fit(features.astype(np.float64))
        model = LogisticRegression(C=inverse_strength, max_iter=10000, tol=1e-10)
        model.fit(scaler.transform(features.astype(np.float64)), labels)
        result.append({
            "task": "classification", "inverseStrength": inverse_strength, "classes": classes,
            "features": numbers(features), "labels": labels.tolist(), "testFeatures": numbers(tests),
            "coefficients": numbers(model.coef_), "intercepts": numbers(model.intercept_),
            "probabilities": numbers(model.predict_proba(scaler.transform(tests.astype(np.float64)))),
        })
    features = (random.normal(size=(train, size)) * 3 + 1).astype(np.float32)
    labels = features @ random.normal(size=size) + random.normal(size=train)
    tests = (random.normal(size=(test, size)) * 3 + 1).astype(np.float32)
    scaler = StandardScaler().fit(features.astype(np.float64))
    ridge = Ridge(alpha=2.0).fit(scaler.transform(features.astype(np.float64)), labels)
    result.append({
        "task": "regression", "inverseStrength": 0.5, "features": numbers(features), "labels": numbers(labels),
        "testFeatures": numbers(tests), "coefficients": numbers(ridge.coef_), "intercepts": [float(ridge.intercept_)],
        "predictions": numbers(ridge.predict(scaler.transform(tests.astype(np.float64)))),
    })
    write("probes", result)


make_adamw()
make_schedules()
make_probes()
