"""HF peft's side of `npm run parity`: writes adapters with the logits that they give, and computes the logits of adapters written here.

Usage: python hf_peft.py write OUT      one folder a host: base/, adapters/NAME/, expected.json
       python hf_peft.py read JOBS OUT  JOBS: [{base, adapter, input_ids, attention_mask}]; OUT: [{logits} or {error}], in the same order
Float32 on the CPU, one thread, random weights, nothing from the network.
"""

import copy
import json
import sys
import warnings
from pathlib import Path

import torch
import transformers
from peft import (
    IA3Config,
    LNTuningConfig,
    LoraConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    ShiraConfig,
    get_peft_model,
    get_peft_model_state_dict,
)
from safetensors.torch import load_file
from texts import make_inputs
from transformers import AutoConfig, AutoModelForSequenceClassification, BertConfig, DistilBertConfig, RobertaConfig

SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
TEXT = dict(vocab_size=100, num_labels=3, max_position_embeddings=64)
BERT = dict(**SIZES, **TEXT, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
HOSTS = {
    "bert": lambda: BertConfig(**BERT),
    "roberta": lambda: RobertaConfig(**BERT, type_vocab_size=1, layer_norm_eps=1e-5),
    "distilbert": lambda: DistilBertConfig(
        **TEXT,
        dim=32,
        n_layers=2,
        n_heads=4,
        hidden_dim=64,
        dropout=0.0,
        attention_dropout=0.0,
        seq_classif_dropout=0.0,
    ),
}
# Names of query, key, value, the two maps of a feed-forward network, and the path of an attention.
NAMES = {
    "bert": ("query", "key", "value", "intermediate.dense", "output.dense", "layer.{}.attention.self"),
    "roberta": ("query", "key", "value", "intermediate.dense", "output.dense", "layer.{}.attention.self"),
    "distilbert": ("q_lin", "k_lin", "v_lin", "lin1", "lin2", "layer.{}.attention"),
}


def largest(base_layer: torch.nn.Module, r: int, **_) -> torch.Tensor:
    """A mask of one's own: the largest weights."""
    weight = base_layer.weight
    mask = torch.zeros(weight.numel())
    mask[weight.abs().flatten().topk(r * sum(weight.shape)).indices] = 1
    return mask.view(weight.shape)


def shira(mask=None, **options) -> ShiraConfig:
    config = ShiraConfig(**options)
    if mask is not None:
        config.mask_fn = mask
    return config


def configs(host: str) -> dict:
    """Every method that is read here, on the default targets where HF peft knows the host. It saves the whole head of itself."""
    query, key, value, inner, outer, attention = NAMES[host]
    known = host != "distilbert"
    task = dict(task_type="SEQ_CLS")
    lora = dict(r=4, lora_alpha=8, **task) | ({} if known else dict(target_modules=[query, value]))
    ia3 = {} if known else dict(target_modules=[key, value, outer], feedforward_modules=[outer])
    norms = ["LayerNorm"] if known else ["sa_layer_norm", "output_layer_norm", "LayerNorm"]
    virtual = dict(num_virtual_tokens=5, token_dim=32, num_layers=2, num_attention_heads=4, **task)
    patterns = dict(
        target_modules=[query, value, inner],
        rank_pattern={f"{attention.format(0)}.{query}": 2},
        alpha_pattern={f"{attention.format(1)}.{value}": 16},
    )
    made = {
        "LoRA": LoraConfig(**lora),
        "rsLoRA, patterns": LoraConfig(**lora | patterns, use_rslora=True),
        "DoRA": LoraConfig(**lora | dict(lora_alpha=6), use_dora=True),
        "LoRA of embeddings": LoraConfig(**lora | dict(target_modules=["word_embeddings", query])),
        "LoRA, bias lora_only": LoraConfig(**lora, bias="lora_only"),
        "IA3": IA3Config(**task, **ia3),
        "LN tuning": LNTuningConfig(**task, target_modules=norms),
        "SHiRA": shira(r=2, random_seed=7, target_modules=[query, value], **task),
        "SHiRA, own mask": shira(largest, r=3, mask_type="largest", target_modules=[inner, query], **task),
        "prompt tuning": PromptTuningConfig(**virtual),
        "P-tuning": PromptEncoderConfig(**virtual, encoder_hidden_size=16),
        "P-tuning, LSTM": PromptEncoderConfig(**virtual, encoder_hidden_size=16, encoder_reparameterization_type="LSTM"),
    }
    if known:  # peft refuses prefixes on DistilBERT
        made["prefix"] = PrefixTuningConfig(**virtual)
        made["prefix, projection"] = PrefixTuningConfig(**virtual, prefix_projection=True, encoder_hidden_size=16)
    return made


def make_host(config: transformers.PretrainedConfig) -> transformers.PreTrainedModel:
    """Larger weights than the usual 0.02, so that wrong wiring shows in the logits."""
    model = AutoModelForSequenceClassification.from_config(config).eval()
    generator = torch.Generator().manual_seed(11)
    for name, parameter in model.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 2:
            parameter.copy_(values * 0.25)
        else:
            parameter.copy_((0.0 if name.endswith("bias") else 1.0) + 0.1 * values)
    return model


def randomise(model: PeftModel) -> PeftModel:
    """Every trained parameter becomes one that changes the logits."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in sorted(model.named_parameters()):
        if parameter.requires_grad:
            is_factor = "ia3_l" in name or "magnitude" in name or ("ln_tuning" in name and name.endswith("weight"))
            parameter.copy_((1.0 if is_factor else 0.0) + 0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def logits(model: torch.nn.Module, inputs: dict[str, list]) -> list[list[float]]:
    return model(**{key: torch.tensor(inputs[key]) for key in ("input_ids", "attention_mask")}).logits.tolist()


def write(out: Path) -> None:
    for name, make in HOSTS.items():
        host = make_host(make())
        host.save_pretrained(out / name / "base")
        inputs = make_inputs(host.config.pad_token_id)
        cases = {}
        for case, config in configs(name).items():
            model = randomise(get_peft_model(copy.deepcopy(host), config))
            cases[case] = dict(logits=logits(model, inputs))
            model.save_pretrained(out / name / "adapters" / case)
        expected = dict(**inputs, cases=cases)
        (out / name / "expected.json").write_text(json.dumps(expected))
        print(f"{name}: {len(cases)} adapters written by HF peft", file=sys.stderr, flush=True)


def open_host(folder: str) -> transformers.PreTrainedModel:
    model = AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(folder))
    model.load_state_dict(load_file(f"{folder}/model.safetensors"), strict=True)
    return model.eval()


def read_one(host: transformers.PreTrainedModel, job: dict) -> dict:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = PeftModel.from_pretrained(copy.deepcopy(host), job["adapter"]).eval()
        # Tensors that are missing are no more than a warning there, superfluous ones not even that.
        messages = [str(one.message) for one in caught if "adapter keys" in str(one.message)]
        stored = load_file(f"{job['adapter']}/adapter_model.safetensors")
        messages += [f"{name} is not looked at" for name in sorted(stored.keys() - get_peft_model_state_dict(model).keys())]
        return dict(error="; ".join(messages)) if messages else dict(logits=logits(model, job))
    except Exception as error:  # one adapter that cannot be loaded is a finding, not the end
        return dict(error=f"{type(error).__name__}: {error}")


def read_model(job: dict) -> dict:
    """A whole classifier, by the way every user opens one."""
    try:
        model, info = AutoModelForSequenceClassification.from_pretrained(job["model"], output_loading_info=True)
        wrong = [f"{kind}: {', '.join(map(str, info[kind]))}" for kind in ("missing_keys", "unexpected_keys") if info[kind]]
        return dict(error="; ".join(wrong)) if wrong else dict(logits=logits(model.eval(), job))
    except Exception as error:
        return dict(error=f"{type(error).__name__}: {error}")


def read(jobs: Path, out: Path) -> None:
    hosts, results = {}, []
    for job in json.loads(jobs.read_text()):
        if "model" in job:
            results.append(read_model(job))
            continue
        if job["base"] not in hosts:
            hosts[job["base"]] = open_host(job["base"])
        results.append(read_one(hosts[job["base"]], job))
    print(f"{len(results)} adapters and models loaded by HF", file=sys.stderr, flush=True)
    out.write_text(json.dumps(results))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    command, *paths = sys.argv[1:]
    with torch.no_grad():
        {"write": write, "read": read}[command](*map(Path, paths))
