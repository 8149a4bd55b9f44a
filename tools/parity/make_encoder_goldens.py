"""Goldens of the encoders, made with HF transformers: float32 on the CPU, eager attention.

Usage: python make_encoder_goldens.py SHARED OUT
SHARED holds models/all-MiniLM-L6-v2, models/bge-small-en-v1.5 and peft-fixtures/base; F16 weights are widened to F32.
OUT gets one safetensors file a host with the inputs, all last hidden states, pooled outputs and logits.
"""

import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertModel

PAIRS = [
    ("Minutes of the meeting on Tuesday", "The minutes are attached ."),
    ("You have won !", "Claim it now"),
    ("Short", None),
]
SINGLE = "the film is quietly moving and very funny"


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
    save_file(contiguous, out, metadata={"torch": torch.__version__, "transformers": transformers.__version__})
    print(out.name, out.stat().st_size, "bytes")


@torch.no_grad()
def main(shared: Path, out: Path) -> None:
    for folder, name in [("all-MiniLM-L6-v2", "minilm"), ("bge-small-en-v1.5", "bge-small")]:
        model = encoder(shared / "models" / folder)
        tensors = {}
        for case, inputs in texts(shared / "models" / folder).items():
            outputs = model(**inputs)
            tensors |= {f"{case}.{key}": value for key, value in inputs.items()}
            tensors[f"{case}.last_hidden_state"] = outputs.last_hidden_state
            if outputs.pooler_output is not None:
                tensors[f"{case}.pooled"] = outputs.pooler_output
        save(out / f"{name}.safetensors", tensors)

    model = classifier(shared / "peft-fixtures" / "base")
    tensors = {}
    for case, inputs in random_ids().items():
        hidden = model.bert(**inputs)
        tensors |= {f"{case}.{key}": value for key, value in inputs.items()}
        tensors[f"{case}.last_hidden_state"] = hidden.last_hidden_state
        tensors[f"{case}.pooled"] = hidden.pooler_output
        tensors[f"{case}.logits"] = model(**inputs).logits
    save(out / "tiny-bert.safetensors", tensors)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
