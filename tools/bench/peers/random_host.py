"""Writes a BERT with random weights: random_host.py <shape as JSON> <folder> <folder of a host that lends its tokenizer>."""
import json
import shutil
import sys

import torch
from transformers import BertConfig, BertModel

shape, folder, tokenizer = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.manual_seed(1)
BertModel(BertConfig(**shape)).save_pretrained(folder)
for name in ("tokenizer.json", "tokenizer_config.json"):
    shutil.copy(f"{tokenizer}/{name}", folder)
