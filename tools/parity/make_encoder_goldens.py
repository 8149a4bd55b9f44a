"""Goldens of the encoders, made with HF transformers and peft: float32 on the CPU, eager attention.

Usage: python make_encoder_goldens.py SHARED OUT [NAME ...]
SHARED holds models/{all-MiniLM-L6-v2,all-MiniLM-L6-v2-mlm-adapter,bge-small-en-v1.5} and peft-fixtures/base; F16 weights are widened to F32.
OUT gets one safetensors file a host with the inputs, all last hidden states, pooled outputs and logits, and for the tiny hosts a folder with
the checkpoints: model.safetensors (sequence classification) and mlm.safetensors (masked language model), as save_pretrained writes them.
With names, only these goldens are made.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AlbertForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    CamembertConfig,
    CamembertForMaskedLM,
    CamembertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DebertaV2ForSequenceClassification,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraForSequenceClassification,
    ModernBertConfig,
    ModernBertForMaskedLM,
    ModernBertForSequenceClassification,
    MPNetConfig,
    MPNetForMaskedLM,
    MPNetForSequenceClassification,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
    XLMRobertaForSequenceClassification,
)

PAIRS = [
    ("Minutes of the meeting on Tuesday", "The minutes are attached ."),
    ("You have won !", "Claim it now"),
    ("Short", None),
]
SINGLE = "the film is quietly moving and very funny"

SIZES = dict(vocab_size=100, num_labels=3)
BERT_SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
ROBERTA = dict(**SIZES, **BERT_SIZES, max_position_embeddings=34, type_vocab_size=1, layer_norm_eps=1e-5)
# Activations other than gelu show which one a masked-language-model head takes: RoBERTa's is always gelu, DistilBERT's that of its layers.
TINY = {
    "tiny-roberta": (RobertaConfig(**ROBERTA), RobertaForSequenceClassification, RobertaForMaskedLM),
    "tiny-xlm-roberta": (
        XLMRobertaConfig(**ROBERTA, hidden_act="relu"),
        XLMRobertaForSequenceClassification,
        XLMRobertaForMaskedLM,
    ),
    "tiny-distilbert": (
        DistilBertConfig(
            **SIZES, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=32, activation="relu"
        ),
        DistilBertForSequenceClassification,
        DistilBertForMaskedLM,
    ),
}
# Smaller ones: an encoder, its classifier and its masked-language-model head in one file, and LoRA of HF peft on it.
SMALL = dict(
    **SIZES,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=48,
)
DEBERTA = dict(
    **SMALL,
    relative_attention=True,
    position_buckets=8,
    norm_rel_ebd="layer_norm",
    pos_att_type=["p2c", "c2p"],
    type_vocab_size=0,
)
FAMILIES = {
    "electra": (ElectraConfig(**SMALL, embedding_size=12), ElectraForSequenceClassification, ElectraForMaskedLM),
    "camembert": (
        CamembertConfig(**SMALL | dict(max_position_embeddings=50, type_vocab_size=1, layer_norm_eps=1e-5)),
        CamembertForSequenceClassification,
        CamembertForMaskedLM,
    ),
    "mpnet": (
        MPNetConfig(**SMALL | dict(max_position_embeddings=50, layer_norm_eps=1e-5)),
        MPNetForSequenceClassification,
        MPNetForMaskedLM,
    ),
    # Four layers of two groups of two layers each: eight in all.
    "albert": (
        AlbertConfig(**SMALL | dict(num_hidden_layers=4), embedding_size=12, num_hidden_groups=2, inner_group_num=2),
        AlbertForSequenceClassification,
        AlbertForMaskedLM,
    ),
    "deberta-v2": (
        DebertaV2Config(**DEBERTA, share_att_key=True, position_biased_input=False),
        DebertaV2ForSequenceClassification,
        DebertaV2ForMaskedLM,
    ),
    "deberta-v2-apart": (
        DebertaV2Config(**DEBERTA | dict(position_buckets=-1, max_relative_positions=6, norm_rel_ebd="none")),
        DebertaV2ForSequenceClassification,
        DebertaV2ForMaskedLM,
    ),
    "modernbert": (
        ModernBertConfig(
            **SMALL | dict(num_hidden_layers=4),
            local_attention=8,
            pad_token_id=0,
            cls_token_id=1,
            sep_token_id=2,
            bos_token_id=1,
            eos_token_id=2,
        ),
        ModernBertForSequenceClassification,
        ModernBertForMaskedLM,
    ),
}
LORA_TARGETS = {
    "electra": ["query", "dense", "embeddings_project"],
    "camembert": ["query", "value"],
    "mpnet": ["q", "o", "output.dense", "relative_attention_bias"],
    "albert": ["query", "ffn", "embedding_hidden_mapping_in"],
    "deberta-v2": ["query_proj", "key_proj", "value_proj"],
    "deberta-v2-apart": ["query_proj", "pos_key_proj", "value_proj"],
    "modernbert": ["Wqkv", "Wi"],
}
MASKED = ["It was [MASK] .", "The capital of France is [MASK] , a large city ."]


def widened(path: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in load_file(path).items()}


def encoder(folder: Path) -> BertModel:
    config = BertConfig.from_pretrained(folder, attn_implementation="eager")
    weights = widened(folder / "model.safetensors")
    model = BertModel(config, add_pooling_layer=any(name.startswith("pooler.") for name in weights))
    model.load_state_dict(weights, strict=True)
    return model.eval()


def classifier(folder: Path) -> BertForSequenceClassification:
    weights = widened(folder / "model.safetensors")
    labels = weights["classifier.bias"].shape[0]
    config = BertConfig.from_pretrained(folder, attn_implementation="eager", num_labels=labels)
    model = BertForSequenceClassification(config)
    model.load_state_dict(weights, strict=True)
    return model.eval()


def texts(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [tokenizer(a, b) if b else tokenizer(a) for a, b in PAIRS]
    padded = tokenizer.pad([dict(row) for row in rows], return_tensors="pt")
    return {"single": dict(tokenizer(SINGLE, return_tensors="pt")), "pairs": dict(padded)}


def random_ids() -> dict[str, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(5, 100, (3, 11), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    mask[2, 3:] = 0
    types = torch.zeros_like(ids)
    types[0, 6:] = 1
    types[1, 4:7] = 1
    ids[mask == 0] = 0
    single = ids[:1, :8].clone()
    return {
        "single": {
            "input_ids": single,
            "attention_mask": torch.ones_like(single),
            "token_type_ids": torch.zeros_like(single),
        },
        "pairs": {"input_ids": ids, "attention_mask": mask, "token_type_ids": types},
    }


def save(out: Path, tensors: dict[str, torch.Tensor]) -> None:
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    save_file(contiguous, out, metadata=versions)
    out.chmod(0o644)
    print(out.name, out.stat().st_size, "bytes")


def randomise(model: torch.nn.Module, seed: int, only: str = "") -> None:
    """Larger weights than the usual 0.02 and LayerNorm weights that differ from 1, so that wrong wiring shows."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if only not in name:
            continue
        values = torch.randn(parameter.shape, generator=generator)
        is_norm = "norm" in name.lower() and name.endswith("weight")
        parameter.copy_(1 + 0.1 * values if is_norm else values * (0.25 if parameter.dim() == 2 else 0.1))


def save_checkpoint(model: transformers.PreTrainedModel, folder: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        model.save_pretrained(temporary)
        shutil.copyfile(Path(temporary) / "model.safetensors", folder / name)
    print(f"{folder.name}/{name}", (folder / name).stat().st_size, "bytes")


def write_config(config: transformers.PretrainedConfig, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    entries = {key: value for key, value in config.to_diff_dict().items() if key not in ("id2label", "label2id")}
    (folder / "config.json").write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")


def padded_ids(pad: int) -> dict[str, dict[str, torch.Tensor]]:
    """One text; three with padding on the right; three with padding on the left, and padding inside a text that the mask leaves open."""
    keys = ("input_ids", "attention_mask")
    cases = {case: {key: inputs[key].clone() for key in keys} for case, inputs in random_ids().items()}
    for inputs in cases.values():
        inputs["input_ids"][inputs["attention_mask"] == 0] = pad
    odd = {key: tensor.flip(1).clone() for key, tensor in cases["pairs"].items()}
    odd["input_ids"][0, 4] = pad
    return {**cases, "odd": odd}


def tuned(model: transformers.PreTrainedModel, config: peft.PeftConfig) -> peft.PeftModel:
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "prompt_encoder" in name:
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)) * 0.5)
    return adapted.eval()


def tiny(name: str, out: Path) -> None:
    config, classifier_class, mlm_class = TINY[name]
    config._attn_implementation = "eager"
    classifier, mlm = classifier_class(config).eval(), mlm_class(config).eval()
    randomise(classifier, 11)
    randomise(mlm, 13)
    mlm.base_model.load_state_dict(classifier.base_model.state_dict())
    mlm.tie_weights()
    folder = out / name
    write_config(config, folder)
    save_checkpoint(classifier, folder, "model.safetensors")
    save_checkpoint(mlm, folder, "mlm.safetensors")
    tensors = {}
    for case, inputs in padded_ids(config.pad_token_id).items():
        tensors |= {f"{case}.{key}": value for key, value in inputs.items()}
        tensors[f"{case}.last_hidden_state"] = classifier.base_model(**inputs).last_hidden_state
        tensors[f"{case}.logits"] = classifier(**inputs).logits
        tensors[f"{case}.mlm_logits"] = mlm(**inputs).logits
    inputs = padded_ids(config.pad_token_id)["pairs"]
    sizes = dict(num_virtual_tokens=4, token_dim=32, num_layers=2, num_attention_heads=4)
    adapters = {"prompt": PromptTuningConfig(task_type="SEQ_CLS", **sizes)}
    if name != "tiny-distilbert":  # which peft refuses
        adapters["prefix"] = PrefixTuningConfig(task_type="SEQ_CLS", **sizes)
    for kind, adapter in adapters.items():
        plain = classifier_class(config)
        plain.load_state_dict(classifier.state_dict())
        adapted = tuned(plain, adapter)
        tensors[f"{kind}.embeddings"] = adapted.prompt_encoder["default"].embedding.weight
        tensors[f"{kind}.logits"] = adapted(**inputs).logits
    save(out / f"{name}.safetensors", tensors)


def family(name: str, out: Path) -> None:
    config, classifier_class, mlm_class = FAMILIES[name]
    config._attn_implementation = "eager"
    classifier, mlm = classifier_class(config).eval(), mlm_class(config).eval()
    randomise(classifier, 11)
    randomise(mlm, 13)
    mlm.base_model.load_state_dict(classifier.base_model.state_dict(), strict=False)
    mlm.tie_weights()
    folder = out / f"tiny-{name}"
    write_config(config, folder)
    with tempfile.TemporaryDirectory() as temporary:
        classifier.save_pretrained(temporary)
        weights = load_file(Path(temporary) / "model.safetensors")
        mlm.save_pretrained(temporary)
        of_mlm = load_file(Path(temporary) / "model.safetensors")
    prefix = f"{classifier.base_model_prefix}."
    # A dense layer that both heads have is stored under the name of the masked language model in a file of its own.
    clash = [key for key in of_mlm if key in weights and not key.startswith(prefix)]
    save(folder / "model.safetensors", weights)
    save(folder / "mlm.safetensors", {key: of_mlm[key] for key in of_mlm if not key.startswith(prefix)})
    print(name, "both heads have", clash)
    tensors = {}
    cases = padded_ids(config.pad_token_id)
    long = torch.randint(5, 100, (1, 40), generator=torch.Generator().manual_seed(7))
    cases["long"] = {"input_ids": long, "attention_mask": torch.ones_like(long)}
    for case, inputs in cases.items():
        tensors |= {f"{case}.{key}": value for key, value in inputs.items()}
        tensors[f"{case}.last_hidden_state"] = classifier.base_model(**inputs).last_hidden_state
        tensors[f"{case}.logits"] = classifier(**inputs).logits
    tensors["pairs.mlm_logits"] = mlm(**cases["pairs"]).logits
    torch.manual_seed(17)
    targets = LORA_TARGETS[name]
    adapted = get_peft_model(classifier, LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=3, target_modules=targets))
    for key, parameter in adapted.named_parameters():
        if "lora_" in key:
            parameter.copy_(torch.randn(parameter.shape) * 0.5)
    adapted.eval()
    for case in ("pairs", "long"):
        tensors[f"{case}.lora_logits"] = adapted(**cases[case]).logits
    with tempfile.TemporaryDirectory() as temporary:
        adapted.save_pretrained(temporary)
        (folder / "lora").mkdir(exist_ok=True)
        for file in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copyfile(Path(temporary) / file, folder / "lora" / file)
            (folder / "lora" / file).chmod(0o644)
    save(out / f"tiny-{name}.safetensors", tensors)


def minilm_mlm(shared: Path, out: Path) -> None:
    """The masked word's logits, at some ids, of MiniLM with the adapter and the head that make it a masked language model."""
    folder, adapter = shared / "models" / "all-MiniLM-L6-v2", shared / "models" / "all-MiniLM-L6-v2-mlm-adapter"
    model = BertForMaskedLM(BertConfig.from_pretrained(folder, attn_implementation="eager"))
    weights = {f"bert.{name}": tensor for name, tensor in widened(folder / "model.safetensors").items()}
    model.load_state_dict({**weights, **load_file(adapter / "mlm_head.safetensors")}, strict=False)
    model.tie_weights()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = PeftModel.from_pretrained(model, adapter).eval()
    rows = [dict(tokenizer(text)) for text in MASKED]
    inputs = dict(tokenizer.pad(rows, return_tensors="pt"))
    positions = (inputs["input_ids"] == tokenizer.mask_token_id).int().argmax(1)
    logits = model(**inputs).logits[torch.arange(len(MASKED)), positions]
    print([tokenizer.convert_ids_to_tokens(row.topk(5).indices) for row in logits])
    ids = torch.cat([logits.topk(10).indices.flatten(), torch.arange(0, logits.shape[1], 239)])
    save(
        out / "minilm-mlm.safetensors",
        {**inputs, "positions": positions, "ids": ids, "logits": logits[:, ids]},
    )


def tiny_bert(shared: Path, out: Path) -> None:
    model = classifier(shared / "peft-fixtures" / "base")
    mlm = BertForMaskedLM(model.config).eval()
    randomise(mlm, 13, only="cls.")
    mlm.bert.load_state_dict(model.bert.state_dict(), strict=False)
    mlm.tie_weights()
    (out / "tiny-bert").mkdir(exist_ok=True)
    save_checkpoint(mlm, out / "tiny-bert", "mlm.safetensors")
    tensors = {}
    for case, inputs in random_ids().items():
        hidden = model.bert(**inputs)
        tensors |= {f"{case}.{key}": value for key, value in inputs.items()}
        tensors[f"{case}.last_hidden_state"] = hidden.last_hidden_state
        tensors[f"{case}.pooled"] = hidden.pooler_output
        tensors[f"{case}.logits"] = model(**inputs).logits
        tensors[f"{case}.mlm_logits"] = mlm(**inputs).logits
    save(out / "tiny-bert.safetensors", tensors)


def pretrained(folder: str, name: str, shared: Path, out: Path) -> None:
    model = encoder(shared / "models" / folder)
    tensors = {}
    for case, inputs in texts(shared / "models" / folder).items():
        outputs = model(**inputs)
        tensors |= {f"{case}.{key}": value for key, value in inputs.items()}
        tensors[f"{case}.last_hidden_state"] = outputs.last_hidden_state
        if outputs.pooler_output is not None:
            tensors[f"{case}.pooled"] = outputs.pooler_output
    save(out / f"{name}.safetensors", tensors)


@torch.no_grad()
def main(shared: Path, out: Path, names: list[str]) -> None:
    makers = {
        "minilm": lambda: pretrained("all-MiniLM-L6-v2", "minilm", shared, out),
        "bge-small": lambda: pretrained("bge-small-en-v1.5", "bge-small", shared, out),
        "minilm-mlm": lambda: minilm_mlm(shared, out),
        "tiny-bert": lambda: tiny_bert(shared, out),
        **{name: (lambda name=name: tiny(name, out)) for name in TINY},
        **{f"tiny-{name}": (lambda name=name: family(name, out)) for name in FAMILIES},
    }
    for name in names or makers:
        makers[name]()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
