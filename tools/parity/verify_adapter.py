"""Loads the adapters of export_adapter.ts in HF peft and compares logits; exit code 1 above 1e-4.

Usage: python verify_adapter.py OUT
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification

TOLERANCE = 1e-4
worst = 0.0
for folder in sorted(path.parent for path in Path(sys.argv[1]).glob("*/expected.json")):
    expected = json.loads((folder / "expected.json").read_text())
    logits = torch.tensor(expected["logits"])
    base = BertForSequenceClassification(BertConfig.from_pretrained(expected["host"], num_labels=logits.shape[1]))
    weights = load_file(f"{expected['host']}/model.safetensors")
    base.load_state_dict({f"bert.{name}": tensor.float() for name, tensor in weights.items()}, strict=False)
    model = PeftModel.from_pretrained(base, folder).eval()
    with torch.no_grad():
        got = model(
            input_ids=torch.tensor(expected["input_ids"]), attention_mask=torch.tensor(expected["attention_mask"])
        ).logits
    difference = (got - logits).abs().max().item()
    worst = max(worst, difference)
    print(f"{folder.name}: largest difference of logits {difference:.1e} (logits from {logits.min():.2f} to {logits.max():.2f})")
if not worst <= TOLERANCE:
    sys.exit(f"above {TOLERANCE}")
