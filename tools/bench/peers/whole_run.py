"""A run as a program makes it, from cold start to saved adapter, with torch and HF peft: the same as src/suite/whole-run.ts."""
import json
import resource
import sys
import time

import torch
from peft import PrefixTuningConfig, TaskType, get_peft_model
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification, get_linear_schedule_with_warmup

options = json.loads(sys.argv[1])
torch.manual_seed(1)
tokenizer = Tokenizer.from_file(f"{options['host']}/tokenizer.json")
tokenizer.enable_truncation(64)
tokenizer.no_padding()
rows = json.load(open(options["rows"]))
encoded = [(tokenizer.encode(row["text"]).ids, row["label"]) for row in rows]
base = BertForSequenceClassification.from_pretrained(
    options["host"], num_labels=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
).float()
model = get_peft_model(base, PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=16))
trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimiser = torch.optim.AdamW(trainable, lr=1e-3, weight_decay=0.0)
schedule = get_linear_schedule_with_warmup(optimiser, int(0.06 * options["steps"]), options["steps"])
order = []
for _ in range(options["steps"]):
    if len(order) < 16:
        order = torch.randperm(len(encoded)).tolist()
    chosen, order = [encoded[place] for place in order[:16]], order[16:]
    longest = max(len(ids) for ids, _ in chosen)
    ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in chosen])
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in chosen])
    loss = torch.nn.functional.cross_entropy(
        model(input_ids=ids, attention_mask=mask).logits, torch.tensor([label for _, label in chosen])
    )
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trainable, 1.0)
    optimiser.step()
    schedule.step()
    loss.item()
model.save_pretrained(options["output"])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cpuMilliseconds": 1000 * time.process_time(), "peakMegabytes": peak}))
