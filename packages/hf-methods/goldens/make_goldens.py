"""Makes methods.json: what HF peft makes of two small affine maps, for every method and the entries that change its mathematics.

Usage: python make_goldens.py OUT       with tools/parity/requirements.txt
Each case: adapter_config.json, the tensors as HF peft stores them, and weights and biases after its own merge; weights are [outputs, inputs].
"""

import copy
import json
import sys
import warnings
from pathlib import Path

import peft
import torch
from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

TARGETS = dict(target_modules=["query", "value"])
LYCORIS = dict(r=3, alpha=5, rank_pattern={"layer.0.attention.self.query": 2}, alpha_pattern={"value": 9})
BANK = dict(r=2, num_vectors=6, vector_length=4, topk=3)
KEPT = {"bert.encoder.layer.0.attention.self.query.lora_E": [True, False, True, False]}
CASES = {
    "ADALORA": ("AdaLoraConfig", dict(init_r=4, lora_alpha=6, total_step=10)),
    "ADALORA, pruned": ("AdaLoraConfig", dict(init_r=4, lora_alpha=0, total_step=10, rank_pattern=KEPT)),
    "LOHA": ("LoHaConfig", LYCORIS),
    "LOKR": ("LoKrConfig", LYCORIS),
    "LOKR, split": ("LoKrConfig", dict(r=1, alpha=2, decompose_both=True, decompose_factor=4)),
    "VERA": ("VeraConfig", dict(r=3)),
    "VERA, drawn": ("VeraConfig", dict(r=3, save_projection=False, projection_prng_key=5)),
    "VBLORA": ("VBLoRAConfig", BANK),
    "VBLORA, top k": ("VBLoRAConfig", BANK | dict(save_only_topk_weights=True)),
    "FOURIERFT": ("FourierFTConfig", dict(n_frequency=20, n_frequency_pattern={"query": 9})),
    "PVERA": ("PveraConfig", dict(r=3)),
    "PVERA, drawn": ("PveraConfig", dict(r=3, save_projection=False, projection_prng_key=5)),
    "RANDLORA": ("RandLoraConfig", dict(r=3, randlora_alpha=6)),
    "OFT": ("OFTConfig", dict(oft_block_size=4)),
    "OFT, shared": ("OFTConfig", dict(oft_block_size=0, r=2, block_share=True, num_cayley_neumann_terms=7)),
    "OFT, few terms": ("OFTConfig", dict(oft_block_size=3, num_cayley_neumann_terms=2)),
    "OFT, exact": ("OFTConfig", dict(oft_block_size=4, use_cayley_neumann=False)),
    "OFT, constrained": ("OFTConfig", dict(oft_block_size=4, coft=True, eps=0.6)),
    "BOFT": ("BOFTConfig", dict(boft_block_size=4)),
    "BOFT, two blocks": ("BOFTConfig", dict(boft_block_size=0, boft_block_num=2)),
    "GLORA": ("GloraConfig", dict(r=2)),
    "GLORA, vectors": ("GloraConfig", dict(config_A_B="vector", config_C="vector", config_D_E="vector")),
    "GLORA, few": ("GloraConfig", dict(config_A_B="constant", config_C="none", config_D_E="none")),
    "GLORA, biases": ("GloraConfig", dict(config_A_B="none", config_C="lora", r=1)),
    "GRALORA": ("GraloraConfig", dict(r=4, alpha=6, gralora_k=2)),
    "GRALORA, hybrid": ("GraloraConfig", dict(r=4, alpha=6, gralora_k=4, hybrid_r=3)),
    "HIRA": ("HiraConfig", dict(r=3)),
    "DELORA": ("DeloraConfig", dict(r=3, delora_lambda=4, lambda_pattern={"value": 2})),
    "BEFT": ("BeftConfig", {}),
    "HRA": ("HRAConfig", dict(r=3)),
    "HRA, orthogonal": ("HRAConfig", dict(r=4, apply_GS=True)),
    "MISS": ("MissConfig", dict(r=3)),
    "MISS, bat": ("MissConfig", dict(r=4, init_weights="bat")),
    "MISS, mini": ("MissConfig", dict(r=4, init_weights="mini", mini_r=4)),
    "C3A": ("C3AConfig", dict(block_size=4, block_size_pattern={"value": 8})),
    "UNILORA": ("UniLoraConfig", dict(r=2, theta_d_length=7)),
    "UNILORA, stored": ("UniLoraConfig", dict(r=3, theta_d_length=100, proj_seed=5, save_indices=True)),
    "WAVEFT": ("WaveFTConfig", dict(n_frequency=20, n_frequency_pattern={"query": 9}, scaling=2)),
    "WAVEFT, db4": ("WaveFTConfig", dict(n_frequency=30, scaling=2, wavelet_family="db4")),
    "WAVEFT, coif2": ("WaveFTConfig", dict(n_frequency=30, scaling=2, wavelet_family="coif2", random_loc_seed=3)),
    "WAVEFT, entries": ("WaveFTConfig", dict(n_frequency=20, scaling=2, use_idwt=False, proportional_parameters=True)),
    "ROAD 1": ("RoadConfig", dict(group_size=4)),
    "ROAD 2": ("RoadConfig", dict(variant="road_2", group_size=8)),
    "ROAD 4": ("RoadConfig", dict(variant="road_4", group_size=4)),
}
FACTORS = ("boft_s", "road_alpha")


def make_model() -> torch.nn.Module:
    """bert.encoder.layer.0.attention.self.query, 8 inputs and 16 outputs, and .value, 16 inputs and 8 outputs."""
    model = torch.nn.Module()
    leaf = torch.nn.ModuleDict(dict(query=torch.nn.Linear(8, 16), value=torch.nn.Linear(16, 8)))
    path = dict(bert=dict(encoder=dict(layer={"0": dict(attention=dict(self=leaf))})))
    nest = lambda node: node if isinstance(node, torch.nn.Module) else torch.nn.ModuleDict({k: nest(v) for k, v in node.items()})
    model.bert = nest(path["bert"])
    generator = torch.Generator().manual_seed(1)
    for _, parameter in sorted(model.named_parameters()):
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return model


def randomise(model: peft.PeftModel, pattern: dict) -> None:
    generator = torch.Generator().manual_seed(2)
    parameters = dict(model.named_parameters())
    for name, parameter in sorted(parameters.items()):
        if parameter.requires_grad:
            centre = 1.0 if any(part in name for part in FACTORS) else 0.0
            parameter.copy_(centre + 0.4 * torch.randn(parameter.shape, generator=generator))
    for name, kept in pattern.items():
        parameters[f"base_model.model.{name}.default"][~torch.tensor(kept)] = 0.0


def as_json(tensor: torch.Tensor) -> dict:
    return dict(shape=list(tensor.shape), data=[float(f"{value:.9g}") for value in tensor.float().flatten().tolist()])


def make_case(host: torch.nn.Module, name: str, entries: dict) -> dict:
    config = getattr(peft, name)(**TARGETS, **entries)
    model = get_peft_model(copy.deepcopy(host), config)
    randomise(model, KEPT if config.peft_type == "ADALORA" and config.rank_pattern else {})
    written = json.loads(json.dumps({k: v for k, v in config.to_dict().items()}, default=sorted))
    stored = get_peft_model_state_dict(model)
    tensors = {key: as_json(value) for key, value in stored.items()}
    again = get_peft_model(copy.deepcopy(host), config).eval()  # what HF peft makes of the file, not what it was written from
    set_peft_model_state_dict(again, dict(stored))
    merged = {key: as_json(value) for key, value in again.merge_and_unload().state_dict().items()}
    return dict(config=written | dict(inference_mode=True), tensors=tensors, merged=merged)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with torch.no_grad():
        host = make_model()
        weights = {key: as_json(value) for key, value in host.state_dict().items()}
        cases = {case: make_case(host, *made) for case, made in CASES.items()}
    golden = dict(weights=weights, cases=cases)
    Path(sys.argv[1]).write_text(json.dumps(golden, sort_keys=True) + "\n")
