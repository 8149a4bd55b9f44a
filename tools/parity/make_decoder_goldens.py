"""Goldens of the decoders, made with HF transformers and peft: float32 on the CPU, eager attention.

Usage: python make_decoder_goldens.py OUT [NAME ...]
OUT gets for each tiny random host a folder NAME with config.json and model.safetensors as save_pretrained writes them, and NAME.safetensors with
inputs, last hidden states, logits of the next token and of a classifier, and what generate gives. For the hosts of PEFT a folder NAME-peft with one
adapter a method and expected.safetensors with the logits that peft gives.
With names, only these goldens are made.
"""

import json
import shutil
import sys
from pathlib import Path

import peft
import torch
import transformers
from peft import IA3Config, LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, GPT2Config, LlamaConfig, Qwen2Config, Qwen3Config

COMMON = dict(
    vocab_size=100, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0
)
LLAMA = dict(**COMMON, hidden_size=32, intermediate_size=48, num_key_value_heads=2, initializer_range=0.2)
TINY = {
    "tiny-gpt2": GPT2Config(
        vocab_size=100, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.2, bos_token_id=1, eos_token_id=2, pad_token_id=0
    ),
    "tiny-llama": LlamaConfig(**LLAMA, tie_word_embeddings=False, rope_parameters={"rope_type": "default", "rope_theta": 500.0}),
    "tiny-qwen2": Qwen2Config(**LLAMA, tie_word_embeddings=True),
    "tiny-qwen3": Qwen3Config(**LLAMA, tie_word_embeddings=True, head_dim=16),
}
# One of each kind: the fused maps of GPT-2, the grouped heads of Llama.
PEFT = ["tiny-gpt2", "tiny-llama"]


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    """Biases and norms apart from their first values, so that wrong wiring shows."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def texts() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    single = torch.randint(3, 100, (1, 9))
    batch = torch.randint(3, 100, (3, 11))
    lengths = [11, 4, 7]
    mask = torch.tensor([[1] * n + [0] * (11 - n) for n in lengths])
    return {"single": (single, torch.ones_like(single)), "batch": (batch * mask, mask)}


def left_padded(ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    turned = [torch.cat([row[m == 0], row[m == 1]]) for row, m in zip(ids, mask)]
    return torch.stack(turned), mask.flip(1)


@torch.no_grad()
def outputs_of(config, folder: Path) -> dict[str, torch.Tensor]:
    model = randomised(AutoModelForCausalLM.from_config(config, attn_implementation="eager"))
    model.save_pretrained(folder)
    golden: dict[str, torch.Tensor] = {}
    for name, (ids, mask) in texts().items():
        out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        golden |= {f"{name}.input_ids": ids.long(), f"{name}.attention_mask": mask.long()}
        golden |= {f"{name}.last_hidden_state": out.hidden_states[-1], f"{name}.logits": out.logits}
    ids, mask = golden["batch.input_ids"].long(), golden["batch.attention_mask"].long()
    labels = torch.where(mask == 1, ids, -100)
    golden["batch.loss"] = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    config.num_labels = 3
    classifier = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()
    classifier.base_model.load_state_dict(model.base_model.state_dict())
    golden["score.weight"] = classifier.score.weight.detach()
    golden["batch.score"] = classifier(input_ids=ids, attention_mask=mask).logits
    ids, mask = left_padded(ids, mask)
    for name, (x, m) in {"single": (golden["single.input_ids"].long(), golden["single.attention_mask"].long()), "batch": (ids, mask)}.items():
        for kind, options in GENERATIONS.items():
            found = model.generate(
                input_ids=x, attention_mask=m, max_new_tokens=14, do_sample=False, pad_token_id=0, return_dict_in_generate=True, output_scores=True, **options
            )
            golden[f"generate.{kind}.{name}"] = found.sequences[:, x.shape[1] :]
            if "beam" in kind:
                golden[f"generate.{kind}.{name}.scores"] = found.sequences_scores
    return golden


GENERATIONS = {
    "greedy": {},
    "greedy-ngram": dict(no_repeat_ngram_size=2),
    "beam": dict(num_beams=4, length_penalty=0.8, no_repeat_ngram_size=3),
    "beam-long": dict(num_beams=3, length_penalty=2.0, early_stopping=True),
}


def adapters(name: str) -> dict[str, object]:
    gates = {"tiny-gpt2": (["c_attn", "mlp.c_proj"], ["mlp.c_proj"]), "tiny-llama": (["k_proj", "v_proj", "down_proj"], ["down_proj"])}
    targets, feed_forward = gates[name]
    fan = name == "tiny-gpt2"
    task = dict(task_type="CAUSAL_LM")
    return {
        "lora": LoraConfig(**task, r=4, lora_alpha=8, init_lora_weights=False, fan_in_fan_out=fan, target_modules=["c_attn"] if fan else ["q_proj", "v_proj"]),
        "prefix": PrefixTuningConfig(**task, num_virtual_tokens=5),
        "prompt": PromptTuningConfig(**task, num_virtual_tokens=5),
        "ia3": IA3Config(**task, target_modules=targets, feedforward_modules=feed_forward, fan_in_fan_out=fan, init_ia3_weights=False),
    }


@torch.no_grad()
def peft_goldens(name: str, host: Path, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    golden: dict[str, torch.Tensor] = {}
    ids, mask = texts()["batch"]
    golden |= {"input_ids": ids.long(), "attention_mask": mask.long()}
    for kind, config in adapters(name).items():
        torch.manual_seed(5)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(host, attn_implementation="eager"), config).eval()
        model.save_pretrained(out / kind)
        (out / kind / "README.md").unlink()
        entries = json.loads((out / kind / "adapter_config.json").read_text())
        entries["base_model_name_or_path"] = None
        (out / kind / "adapter_config.json").write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")
        golden[f"{kind}.logits"] = model(input_ids=ids, attention_mask=mask).logits[:, -ids.shape[1] :].contiguous()
    save_file(golden, out / "expected.safetensors")


@torch.no_grad()
def embedded_golden() -> dict[str, torch.Tensor]:
    folder = Path(__file__).parents[2] / "packages" / "minigpt" / "model"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", attn_implementation="eager").eval()
    ids = AutoTokenizer.from_pretrained(folder)(EMBEDDED_TEXT, return_tensors="pt").input_ids
    out = model(input_ids=ids, output_hidden_states=True)
    greedy = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False)
    return {
        "input_ids": ids,
        "last_hidden_state": out.hidden_states[-1],
        "last_logits": out.logits[:, -EMBEDDED_LOGITS:],
        "greedy": greedy[:, ids.shape[1] :],
    }


EMBEDDED_TEXT = "It was a dark night, and the old house by the sea was quiet. \"Who's there?\" he asked;\nnobody answered - 1,234 times."
EMBEDDED_LOGITS = 4


def main() -> None:
    out, names = Path(sys.argv[1]), sys.argv[2:] or [*TINY, "minigpt"]
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    if "minigpt" in names:
        names.remove("minigpt")
        save_file({key: value.contiguous() for key, value in embedded_golden().items()}, out / "minigpt.safetensors")
    for name in names:
        torch.manual_seed(list(TINY).index(name) + 40)
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        golden = outputs_of(TINY[name], folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        save_file({key: value.contiguous() for key, value in golden.items()}, out / f"{name}.safetensors")
        if name in PEFT:
            peft_goldens(name, folder, out / f"{name}-peft")
        print(name, {key: tuple(value.shape) for key, value in golden.items() if "generate" in key})


if __name__ == "__main__":
    main()
