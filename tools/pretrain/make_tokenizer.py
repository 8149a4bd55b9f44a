"""A byte-level BPE in GPT-2's manner, trained on plain text.

Usage: python make_tokenizer.py PASSAGES OUT [--vocabulary 4096]
PASSAGES has {"text"} lines, such as the train.jsonl of make-passages.ts. OUT gets tokenizer.json and tokenizer_config.json. Needs tokenizers 0.23.
"""

import argparse
import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("passages", type=Path)
parser.add_argument("out", type=Path)
parser.add_argument("--vocabulary", type=int, default=4096)
options = parser.parse_args()

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=options.vocabulary, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=True
)
with options.passages.open(encoding="utf-8") as lines:
    tokenizer.train_from_iterator((json.loads(line)["text"] for line in lines), trainer)
options.out.mkdir(parents=True, exist_ok=True)
tokenizer.save(str(options.out / "tokenizer.json"))
config = {
    "tokenizer_class": "GPT2TokenizerFast",
    "bos_token": END,
    "eos_token": END,
    "pad_token": END,
    "unk_token": END,
    "add_prefix_space": False,
    "clean_up_tokenization_spaces": False,
}
(options.out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
print(f"{tokenizer.get_vocab_size()} entries in {options.out}")
