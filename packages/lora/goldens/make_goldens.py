"""What HF peft selects and combines, for the specs of this package. Random weights, CPU. Needs torch, transformers and peft 0.21:
python make_goldens.py (writes combinations.json and targets.json beside itself)."""

import json
import os

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key
from transformers import BertConfig, BertForSequenceClassification

here = os.path.dirname(os.path.abspath(__file__))
sizes = dict(
    vocab_size=11,
    hidden_size=6,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=8,
    max_position_embeddings=8,
)
query = "bert.encoder.layer.0.attention.self.query"
value = "bert.encoder.layer.0.attention.self.value"
table = "bert.embeddings.word_embeddings"


def write(name, content):
    with open(os.path.join(here, name), "w") as file:
        json.dump(content, file)
        file.write("\n")


def rounded(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().flatten().tolist()]


def combinations():
    """Three adapters on one query map, two of them on a table; deltas of what peft makes of them."""
    generator = torch.Generator().manual_seed(5)
    configs = {
        "a": LoraConfig(r=2, lora_alpha=6, target_modules=[query, table]),
        "b": LoraConfig(r=2, lora_alpha=2, target_modules=[query, table]),
        "c": LoraConfig(r=2, lora_alpha=1, target_modules=[query, value]),
        "wide": LoraConfig(r=3, lora_alpha=6, target_modules=[query]),
    }
    torch.manual_seed(0)
    model = get_peft_model(BertForSequenceClassification(BertConfig(**sizes)).eval(), configs["a"], adapter_name="a")
    for name, config in list(configs.items())[1:]:
        model.add_adapter(name, config)
    factors = {}
    modules = dict(model.base_model.model.named_modules())
    for path in (query, value, table):
        module = modules[path]
        for name in configs:
            if name in module.lora_A:
                down, up = module.lora_A[name].weight, module.lora_B[name].weight
            elif name in module.lora_embedding_A:
                down, up = module.lora_embedding_A[name], module.lora_embedding_B[name]
            else:
                continue
            with torch.no_grad():
                down.copy_(torch.randn(down.shape, generator=generator))
                up.copy_(torch.randn(up.shape, generator=generator))
            # As tfjs holds them: [inputs, rank] and [rank, outputs].
            factors.setdefault(path, {})[name] = {"down": rounded(down.T), "up": rounded(up.T)}
    cases = [
        dict(members=["a", "b"], weights=[0.7, -0.4], strategy="linear"),
        dict(members=["a", "b"], weights=[0.7, 0.4], strategy="svd"),
        dict(members=["a", "b", "c"], weights=[1, 0.5, -2], strategy="svd", rank=3),
        dict(members=["a", "wide"], weights=[0.3, 0.9], strategy="svd"),
        dict(members=["a", "wide", "c"], weights=[0.3, 0.9, -1], strategy="cat"),
        dict(members=["a", "b", "c"], weights=[1, 0.5, 2], strategy="ties", density=0.5),
        dict(members=["a", "b", "c"], weights=[1, -0.5, 2], strategy="ties", density=1.0),
        dict(members=["a", "b", "c"], weights=[1, 0.5, 2], strategy="magnitude_prune", density=0.4),
        dict(members=["a", "b", "c"], weights=[1, 0.5, -2], strategy="ties_svd", density=0.6),
        dict(members=["a", "wide"], weights=[1, 0.5], strategy="magnitude_prune_svd", density=0.3),
        dict(members=["a", "b", "c"], weights=[1, -0.5, 2], strategy="dare_linear", density=1.0),
        dict(members=["a", "b", "c"], weights=[1, -0.5, 2], strategy="dare_ties", density=1.0),
        dict(members=["a", "b", "c"], weights=[1, -0.5, 2], strategy="dare_ties_svd", density=1.0),
        dict(members=["b"], weights=[-0.5], strategy="svd"),
    ]
    for index, case in enumerate(cases):
        name = f"combined{index}"
        model.add_weighted_adapter(
            case["members"],
            case["weights"],
            name,
            combination_type=case["strategy"],
            svd_rank=case.get("rank"),
            density=case.get("density"),
        )
        case["deltas"] = {}
        for path in (query, value, table):
            module = modules[path]
            if name in module.lora_A or name in module.lora_embedding_A:
                delta = module.get_delta_weight(name)
                case["deltas"][path] = rounded(delta if path == table else delta.T)
    settings = {name: {"rank": config.r, "alpha": config.lora_alpha} for name, config in configs.items()}
    write("combinations.json", {"sizes": sizes, "settings": settings, "factors": factors, "cases": cases})


def targets():
    """Which modules a configuration selects and which pattern of a rank_pattern fits."""
    model = BertForSequenceClassification(BertConfig(**sizes))
    names = [name for name, module in model.named_modules() if isinstance(module, (torch.nn.Linear, torch.nn.Embedding))]
    selections = [
        dict(target_modules=["query", "value"]),
        dict(target_modules=["dense"]),
        dict(target_modules=["output.dense"]),
        dict(target_modules=["query", "word_embeddings"]),
        dict(target_modules=[query, "key"], layers_to_transform=[1]),
        dict(target_modules=["dense", "query"], layers_to_transform=1),
        dict(target_modules=["dense", "query"], layers_to_transform=[0], layers_pattern="layer"),
        dict(target_modules=["dense", "query"], layers_to_transform=[0], layers_pattern=["layers", "layer"]),
        dict(target_modules=["query", "dense"], exclude_modules=["pooler.dense", "output.dense"]),
        dict(target_modules=["query", "dense"], exclude_modules=r".*layer\.0.*"),
        dict(target_modules=r".*attention\.self\.(query|key)"),
        dict(target_modules=r"bert\.encoder\.layer\.[01]\.(intermediate|output)\.dense"),
        dict(target_modules=r".*dense", exclude_modules=["attention.output.dense"]),
    ]
    for selection in selections:
        config = LoraConfig(task_type="SEQ_CLS", modules_to_save=["classifier", "score"], **selection)
        # What excludes is an object that counts as true.
        selection["selected"] = [name for name in names if check_target_module_exists(config, name) in (True,)
                                 or type(check_target_module_exists(config, name)).__name__ == "Match"]
    patterns = [
        ["layer.0.attention.self.query"],
        ["query", "layer.1.attention.self.query"],
        ["layer.1.attention.self.query", "query"],
        [r"layer\.[01]\.attention\.self\.(key|value)"],
        ["^bert.encoder.layer.0.output.dense"],
        ["dense"],
        ["tention.self.query"],
    ]
    hits = [{"patterns": keys, "hits": [get_pattern_key(keys, name) if get_pattern_key(keys, name) != name else None
                                        for name in names]} for keys in patterns]
    write("targets.json", {"sizes": sizes, "names": names, "selections": selections, "patterns": hits})


combinations()
targets()
