"""Loads into HF peft what save-causal-adapters.ts wrote, and compares with the goldens of decoders.

Usage: python check_causal_adapters.py GOLDENS WRITTEN
Exit code: 0 if all logits agree within 1e-5, 1 if not.
"""

import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


@torch.no_grad()
def main() -> None:
    goldens, written = Path(sys.argv[1]), Path(sys.argv[2])
    worst = 0.0
    for folder in sorted(written.iterdir()):
        golden = load_file(goldens / folder.name / "expected.safetensors")
        ids, mask = golden["input_ids"], golden["attention_mask"]
        for adapter in sorted(folder.iterdir()):
            base = AutoModelForCausalLM.from_pretrained(goldens / folder.name.removesuffix("-peft"), attn_implementation="eager")
            model = PeftModel.from_pretrained(base, adapter).eval()
            logits = model(input_ids=ids, attention_mask=mask).logits[:, -ids.shape[1] :]
            difference = ((logits - golden[f"{adapter.name}.logits"]) * mask[..., None]).abs().max().item()
            print(f"{folder.name} {adapter.name}: {difference:.1e}")
            worst = max(worst, difference)
    sys.exit(worst >= 1e-5)


if __name__ == "__main__":
    main()
