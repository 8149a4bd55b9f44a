"""Adapters that AdapterHub's library `adapters` writes for the tiny hosts, with the logits that it computes: float32 on the CPU, random weights.

Usage: python make_adapter_hub_goldens.py TRANSFORMER OUT
TRANSFORMER is packages/transformer, which has the hosts; OUT gets a folder for each host with a folder for each adapter, and expected.json.
"""

import json
import os
import sys
from pathlib import Path

import torch
import transformers
from adapters import (
    AutoAdapterModel,
    CompacterConfig,
    ConfigUnion,
    DoRAConfig,
    DoubleSeqBnConfig,
    IA3Config,
    LoRAConfig,
    LoReftConfig,
    ParBnConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    SeqBnConfig,
    UniPELTConfig,
    __version__,
    init,
)
from safetensors.torch import save_file
from texts import make_inputs
from transformers import AutoModelForSequenceClassification

HOSTS = {"bert": "test/tiny-bert", "roberta": "goldens/tiny-roberta", "distilbert": "goldens/tiny-distilbert"}
NAME = "spam"

PREFIX = dict(prefix_length=5, bottleneck_size=6)
EVERYWHERE = dict(attn_matrices=["q", "k", "v"], intermediate_lora=True, output_lora=True)
# The method, and the head: an HF class's own if there is none.
FEW = {
    "double-seq-bn": (DoubleSeqBnConfig(), dict(layers=1)),
    "par-bn": (ParBnConfig(reduction_factor=16), dict(layers=1)),
    "lora": (LoRAConfig(r=2, alpha=6), dict(layers=1)),
    "prefix": (PrefixTuningConfig(**PREFIX), dict(layers=1)),
}
ALL = FEW | {
    "seq-bn": (SeqBnConfig(), dict(layers=2)),
    "seq-bn-channel": (SeqBnConfig(scaling="channel", non_linearity="gelu", leave_out=[1]), dict(layers=1)),
    "scaled-par-bn": (ParBnConfig(reduction_factor=16, scaling="learned"), dict(layers=1, use_pooler=True)),
    "lora-everywhere": (LoRAConfig(r=2, alpha=1, leave_out=[0], **EVERYWHERE), dict(layers=1)),
    "prefix-flat": (PrefixTuningConfig(**PREFIX, flat=True, leave_out=[0]), dict(layers=1)),
    "mam": (ConfigUnion(PrefixTuningConfig(**PREFIX), ParBnConfig(reduction_factor=16)), dict(layers=1)),
    "lora-of-class": (LoRAConfig(r=2, alpha=6), None),
}
REFUSED = {
    "compacter": CompacterConfig(phm_dim=2, reduction_factor=8),
    "dora": DoRAConfig(r=2),
    "ia3": IA3Config(),
    "loreft": LoReftConfig(),
    "prompt": PromptTuningConfig(prompt_length=2),
    "seq-bn-gated": SeqBnConfig(use_gating=True),
    "unipelt": UniPELTConfig(PrefixTuningConfig(**PREFIX), lora=LoRAConfig(r=2)),
}


def adapted(host: str, config, head: dict | None):
    """
    Every parameter of adapter and head becomes one that changes the logits. Eager attention: with SDPA the library adds one to the scores of
    DistilBERT's prefixes in batches with padding, and only there.
    """
    torch.manual_seed(3)
    if head is None:
        model = AutoModelForSequenceClassification.from_pretrained(host, attn_implementation="eager")
        init(model)
    else:
        model = AutoAdapterModel.from_pretrained(host, attn_implementation="eager")
        model.add_classification_head(NAME, num_labels=3, id2label={0: "ham", 1: "spam", 2: "eggs"}, **head)
    model.add_adapter(NAME, config=config)
    model.set_active_adapters(NAME)
    generator = torch.Generator().manual_seed(3)
    for name, parameter in sorted(model.named_parameters()):
        if f".{NAME}." in name:
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def save(model, folder: Path, with_head: bool = True) -> None:
    """As safetensors; prefixes from the pickle, since the library has them once more in each layer, which safetensors refuses to write."""
    folder.mkdir(parents=True)
    holds_prefix = any("prefix_tunings" in name for name, _ in model.named_parameters())
    model.save_adapter(folder, NAME, with_head=with_head, use_safetensors=not holds_prefix)
    for pickle, name in {"pytorch_adapter.bin": "adapter", "pytorch_model_head.bin": "model_head"}.items():
        if (folder / pickle).exists():
            tensors = torch.load(folder / pickle, weights_only=True)
            save_file({key: tensor.clone() for key, tensor in tensors.items()}, folder / f"{name}.safetensors")
            (folder / pickle).unlink()


def main(transformer: Path, out: Path) -> None:
    for name, place in HOSTS.items():
        os.chdir((transformer / place).parent)  # the library writes down where the host came from
        host = Path(place).name
        cases = {}
        for case, (config, head) in (ALL if name == "bert" else FEW).items():
            model = adapted(host, config, head)
            inputs = make_inputs(model.config.pad_token_id)
            cases[case] = model(**{key: torch.tensor(values) for key, values in inputs.items()}).logits.tolist()
            save(model, out / name / case)
        if name == "bert":
            for case, config in REFUSED.items():
                save(adapted(host, config, dict(layers=1)), out / name / "refused" / case, with_head=False)
        versions = dict(adapters=__version__, transformers=transformers.__version__, torch=torch.__version__)
        (out / name / "expected.json").write_text(json.dumps(dict(versions=versions, **inputs, logits=cases)) + "\n")
        print(f"{name}: {len(cases)} adapters written by AdapterHub", file=sys.stderr)


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    with torch.no_grad():
        main(*(Path(path).resolve() for path in sys.argv[1:]))
