"""The torch side of the kernel benchmark: gradients of examples by vmap of grad, multiplied with those of the rows, which are held. Same host, head and texts."""
import json
import sys
import time

import torch
from torch.func import functional_call, grad, vmap
from transformers import BertModel

options = json.load(open(sys.argv[1]))
torch.set_num_threads(options["threads"])
model = BertModel.from_pretrained(options["host"], add_pooling_layer=False, attn_implementation="eager").float().eval()
weights = torch.tensor(options["weight"])
scope = {name: value.detach() for name, value in model.named_parameters() if name.startswith("encoder.")}
frozen = {name: value.detach() for name, value in model.named_parameters() if not name.startswith("encoder.")}
frozen.update(model.named_buffers())


def output(parameters, ids, mask):
    # Of four axes, as the scores take it: making one looks at values, which vmap refuses.
    closed = ((1 - mask) * -1e9)[None, None, None].expand(1, 1, len(ids), len(ids))
    inputs = {"input_ids": ids[None], "attention_mask": closed}
    states = functional_call(model, {**parameters, **frozen}, (), inputs).last_hidden_state[0]
    return (states * mask[:, None]).sum(0) / mask.sum() @ weights


gradients_of = vmap(grad(output), in_dims=(None, 0, 0))


def batches(texts):
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    for start in range(0, len(order), options["chunk"]):
        places = order[start : start + options["chunk"]]
        longest = len(texts[places[0]])
        ids = torch.tensor([texts[place] + [0] * (longest - len(texts[place])) for place in places])
        mask = torch.tensor([[1.0] * len(texts[place]) + [0.0] * (longest - len(texts[place])) for place in places])
        yield places, {name: part.flatten(1) for name, part in gradients_of(scope, ids, mask).items()}


def kernel(columns):
    rows = {name: torch.empty(len(options["rows"]), value.numel()) for name, value in scope.items()}
    for places, found in batches(options["rows"]):
        for name, part in found.items():
            rows[name][places] = part
    values = torch.zeros(len(options["rows"]), len(columns), dtype=torch.float64)
    for places, found in batches(columns):
        for name, part in found.items():
            values[:, places] += (rows[name] @ part.T).double()
    return values


with torch.no_grad():
    kernel(options["columns"][:2])
    for size in options["sizes"]:
        start = time.process_time()
        values = kernel(options["columns"][:size])
        print(json.dumps({"size": size, "seconds": time.process_time() - start, "norm": values.norm().item(), "first": values[0, :4].tolist()}), flush=True)
