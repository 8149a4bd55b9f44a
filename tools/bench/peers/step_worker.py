"""The torch + HF peft side of the benchmark: same host, same batch, same first parameters, same JSON lines as step-worker.ts.
The host is a BERT with a classifier, or a causal language model that learns the next token or continues a text."""
import json
import resource
import sys
import time

import torch
from peft import PeftModel, PrefixTuningConfig, TaskType, get_peft_model
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, BertForSequenceClassification

from continue_text import continue_text

options = json.loads(sys.argv[1])
torch.set_num_threads(options["threads"])
config = AutoConfig.from_pretrained(options["host"], num_labels=2)
causal = config.model_type != "bert"


def classifier_of_bert():
    if not options["dropout"]:
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    model = BertForSequenceClassification(config).float()
    stored = {f"bert.{name}": tensor.float() for name, tensor in load_file(f"{options['host']}/model.safetensors").items()}
    missing, unexpected = model.load_state_dict(stored, strict=False)
    assert not unexpected and all(name.startswith("classifier") for name in missing), (missing, unexpected)
    return model


base = AutoModelForCausalLM.from_pretrained(options["host"], dtype=torch.float32) if causal else classifier_of_bert()
method = options.get("method", "prefix")
adapter = {} if method == "bare" else load_file(f"{options['adapterFolder']}/adapter_model.safetensors")
# SIFT: of each weight its places, its increments there, and the pretrained values.
increments = []


def prefix_model():
    config = PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=options["prefixLength"])
    model = get_peft_model(base, config).to(options["device"])
    own = dict(model.named_parameters())
    with torch.no_grad():
        own["prompt_encoder.default.embedding.weight"].copy_(adapter["prompt_embeddings"])
        for part in ("weight", "bias"):
            own[f"base_model.classifier.modules_to_save.default.{part}"].copy_(adapter[f"base_model.classifier.{part}"])
    return model, [parameter for parameter in model.parameters() if parameter.requires_grad]


def lora_model():
    model = PeftModel.from_pretrained(base, options["adapterFolder"], is_trainable=True).to(options["device"])
    return model, [parameter for parameter in model.parameters() if parameter.requires_grad]


def full_model():
    model = base.to(options["device"])
    own = dict(model.named_parameters())
    with torch.no_grad():
        for part in ("weight", "bias"):
            own[f"classifier.{part}"].copy_(adapter[f"head.classifier.{part}"])
    return model, list(model.parameters())


def sift_model():
    """As the original: every weight of the targets has a dense gradient, of which the chosen entries are kept."""
    model = base.to(options["device"])
    model.requires_grad_(False)
    own = dict(model.named_parameters())
    with torch.no_grad():
        for part in ("weight", "bias"):
            own[f"classifier.{part}"].copy_(adapter[f"base_model.model.classifier.{part}"])
    for name, places in adapter.items():
        if name.endswith(".shira_indices"):
            weight = own[name.removeprefix("base_model.model.").replace(".shira_indices", ".weight")].requires_grad_()
            flat = (places[0].long() * weight.shape[1] + places[1].long()).to(options["device"])
            sparse = torch.nn.Parameter(torch.zeros(flat.numel(), device=options["device"]))
            increments.append((weight, flat, sparse, weight.detach().flatten()[flat].clone()))
    classifier = [own[f"classifier.{part}"].requires_grad_() for part in ("weight", "bias")]
    return model, [*classifier, *(sparse for _, _, sparse, _ in increments)]


def bare_model():
    return base.to(options["device"]), []


models = {"bare": bare_model, "prefix": prefix_model, "lora": lora_model, "full": full_model, "sift": sift_model}
model, trainable = models[method]()
if options.get("compile"):
    model = torch.compile(model)

ids = torch.tensor([row["inputIds"] for row in options["batch"]], device=options["device"])
labels = torch.tensor([row["label"] for row in options["batch"]], device=options["device"])
mask = torch.ones_like(ids)
optimiser = torch.optim.AdamW(trainable, lr=1e-3, weight_decay=0.0) if trainable else None


def loss_of():
    if causal:
        return model(input_ids=ids, attention_mask=mask, labels=ids, use_cache=False).loss
    return torch.nn.functional.cross_entropy(model(input_ids=ids, attention_mask=mask).logits, labels)


def step():
    start = time.perf_counter()
    optimiser.zero_grad()
    loss = loss_of()
    loss.backward()
    for weight, places, sparse, _ in increments:
        sparse.grad, weight.grad = weight.grad.flatten()[places], None
    torch.nn.utils.clip_grad_norm_(trainable, 1.0)
    optimiser.step()
    with torch.no_grad():
        for weight, places, sparse, pretrained in increments:
            weight.view(-1)[places] = pretrained + sparse
    loss.item()
    return 1000 * (time.perf_counter() - start)


def first_of_steps():
    model.eval()
    with torch.no_grad():
        loss = loss_of().item()
    model.train()
    step()
    return {"loss": loss}


def time_steps(steps):
    cpu_before = time.process_time()
    times = [step() for _ in range(steps)]
    return times, 1000 * (time.process_time() - cpu_before) / steps


def continued():
    return continue_text(model, ids, options["newTokens"], options.get("timed"))


def first_of_tokens():
    model.eval()
    model.generation_config.eos_token_id = None
    return {"tokens": continued()[0]}


def time_tokens(texts):
    written = [continued() for _ in range(texts)]
    return [wall for _, wall, _ in written], sum(cpu for _, _, cpu in written) / texts


first, timed = (first_of_tokens, time_tokens) if options.get("newTokens") else (first_of_steps, time_steps)
print(json.dumps(first()), flush=True)
for line in sys.stdin:
    times, cpu = timed(json.loads(line)["steps"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"milliseconds": times, "cpuMilliseconds": cpu, "peakMegabytes": peak}), flush=True)
