"""The torch + HF peft side of the benchmark: same host, same batch, same first parameters, same JSON lines as step-worker.ts."""
import json
import resource
import sys
import time

import torch
from peft import PrefixTuningConfig, TaskType, get_peft_model
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification

options = json.loads(sys.argv[1])
torch.set_num_threads(options["threads"])
config = BertConfig.from_pretrained(options["host"], num_labels=2)
if not options["dropout"]:
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
base = BertForSequenceClassification(config).float()
stored = {f"bert.{name}": tensor.float() for name, tensor in load_file(f"{options['host']}/model.safetensors").items()}
missing, unexpected = base.load_state_dict(stored, strict=False)
assert not unexpected and all(name.startswith("classifier") for name in missing), (missing, unexpected)

model = get_peft_model(
    base, PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=options["prefixLength"])
).to(options["device"])
adapter = load_file(f"{options['adapterFolder']}/adapter_model.safetensors")
own = dict(model.named_parameters())
with torch.no_grad():
    own["prompt_encoder.default.embedding.weight"].copy_(adapter["prompt_embeddings"])
    for part in ("weight", "bias"):
        own[f"base_model.classifier.modules_to_save.default.{part}"].copy_(adapter[f"base_model.classifier.{part}"])

ids = torch.tensor([row["inputIds"] for row in options["batch"]], device=options["device"])
labels = torch.tensor([row["label"] for row in options["batch"]], device=options["device"])
mask = torch.ones_like(ids)
trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimiser = torch.optim.AdamW(trainable, lr=1e-3, weight_decay=0.0)


def loss_of():
    return torch.nn.functional.cross_entropy(model(input_ids=ids, attention_mask=mask).logits, labels)


def step():
    start = time.perf_counter()
    optimiser.zero_grad()
    loss = loss_of()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trainable, 1.0)
    optimiser.step()
    loss.item()
    return 1000 * (time.perf_counter() - start)


model.eval()
with torch.no_grad():
    print(json.dumps({"loss": loss_of().item()}), flush=True)
model.train()
step()
for line in sys.stdin:
    steps = json.loads(line)["steps"]
    cpu_before = time.process_time()
    times = [step() for _ in range(steps)]
    cpu = 1000 * (time.process_time() - cpu_before) / steps
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"milliseconds": times, "cpuMilliseconds": cpu, "peakMegabytes": peak}), flush=True)
