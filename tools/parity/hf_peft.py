"""HF peft's side of `npm run parity`: writes adapters with the logits that they give, and computes the logits of adapters written here.

Usage: python hf_peft.py write OUT [HOST ...]  one folder a host: base/, adapters/NAME/, expected.json
       python hf_peft.py read JOBS OUT  JOBS: [{base, adapter, predictsNext, input_ids, attention_mask}], or model in place of the first two;
                                        OUT: [{logits} or {error}], in the same order
Float32 on the CPU, one thread, random weights, nothing from the network.
"""

import copy
import json
import sys
import warnings
from pathlib import Path

import torch
import transformers
from peft import (
    AdaLoraConfig,
    BeftConfig,
    BOFTConfig,
    C3AConfig,
    DeloraConfig,
    FourierFTConfig,
    GloraConfig,
    GraloraConfig,
    HiraConfig,
    HRAConfig,
    IA3Config,
    LNTuningConfig,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    MissConfig,
    OFTConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    PveraConfig,
    RandLoraConfig,
    RoadConfig,
    ShiraConfig,
    TrainableTokensConfig,
    UniLoraConfig,
    VBLoRAConfig,
    VeraConfig,
    WaveFTConfig,
    get_peft_model,
    get_peft_model_state_dict,
)
from hf_families import DECODERS, ENCODERS, MODULES, decoder_adapters, encoder_adapters
from hf_odd import odd_configs
from safetensors.torch import load_file
from texts import make_inputs
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMultipleChoice,
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    RobertaConfig,
)

SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
TEXT = dict(vocab_size=100, num_labels=3, max_position_embeddings=64)
BERT = dict(**SIZES, **TEXT, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
HOSTS = {
    "bert": lambda: BertConfig(**BERT),
    "roberta": lambda: RobertaConfig(**BERT, type_vocab_size=1, layer_norm_eps=1e-5),
    "distilbert": lambda: DistilBertConfig(
        **TEXT,
        dim=32,
        n_layers=2,
        n_heads=4,
        hidden_dim=64,
        dropout=0.0,
        attention_dropout=0.0,
        seq_classif_dropout=0.0,
    ),
}
# Parameters that multiply: they lie around 1.
FACTORS = ("ia3_l", "magnitude", "boft_s", "road_alpha")
# Names of query, key, value, the two maps of a feed-forward network, and the path of an attention.
NAMES = {
    "bert": ("query", "key", "value", "intermediate.dense", "output.dense", "layer.{}.attention.self"),
    "roberta": ("query", "key", "value", "intermediate.dense", "output.dense", "layer.{}.attention.self"),
    "distilbert": ("q_lin", "k_lin", "v_lin", "lin1", "lin2", "layer.{}.attention"),
}


def largest(base_layer: torch.nn.Module, r: int, **_) -> torch.Tensor:
    """A mask of one's own: the largest weights."""
    weight = base_layer.weight
    mask = torch.zeros(weight.numel())
    mask[weight.abs().flatten().topk(r * sum(weight.shape)).indices] = 1
    return mask.view(weight.shape)


def shira(mask=None, **options) -> ShiraConfig:
    config = ShiraConfig(**options)
    if mask is not None:
        config.mask_fn = mask
    return config


def configs(host: str) -> dict:
    """Every method that is read here, on the default targets where HF peft knows the host. It saves the whole head of itself."""
    query, key, value, inner, outer, attention = NAMES[host]
    known = host != "distilbert"
    task = dict(task_type="SEQ_CLS")
    lora = dict(r=4, lora_alpha=8, **task) | ({} if known else dict(target_modules=[query, value]))
    ia3 = {} if known else dict(target_modules=[key, value, outer], feedforward_modules=[outer])
    norms = ["LayerNorm"] if known else ["sa_layer_norm", "output_layer_norm", "LayerNorm"]
    virtual = dict(num_virtual_tokens=5, token_dim=32, num_layers=2, num_attention_heads=4, **task)
    patterns = dict(
        target_modules=[query, value, inner],
        rank_pattern={f"{attention.format(0)}.{query}": 2},
        alpha_pattern={f"{attention.format(1)}.{value}": 16},
    )
    made = {
        "LoRA": LoraConfig(**lora),
        "rsLoRA, patterns": LoraConfig(**lora | patterns, use_rslora=True),
        "DoRA": LoraConfig(**lora | dict(lora_alpha=6), use_dora=True),
        "LoRA of embeddings": LoraConfig(**lora | dict(target_modules=["word_embeddings", query])),
        "LoRA, bias lora_only": LoraConfig(**lora, bias="lora_only"),
        "IA3": IA3Config(**task, **ia3),
        "LN tuning": LNTuningConfig(**task, target_modules=norms),
        "SHiRA": shira(r=2, random_seed=7, target_modules=[query, value], **task),
        "SHiRA, own mask": shira(largest, r=3, mask_type="largest", target_modules=[inner, query], **task),
        "prompt tuning": PromptTuningConfig(**virtual),
        "P-tuning": PromptEncoderConfig(**virtual, encoder_hidden_size=16),
        "P-tuning, LSTM": PromptEncoderConfig(**virtual, encoder_hidden_size=16, encoder_reparameterization_type="LSTM"),
    }
    made |= weight_configs(host) | saved_configs(host, lora, norms)
    made |= odd_configs(NAMES[host], norms, known)
    if known:  # peft refuses prefixes on DistilBERT, and names of all maps in IA3
        made["IA3, all-linear"] = IA3Config(**task, target_modules="all-linear", feedforward_modules=[outer])
        made["prefix"] = PrefixTuningConfig(**virtual)
        made["prefix, projection"] = PrefixTuningConfig(**virtual, prefix_projection=True, encoder_hidden_size=16)
    return made


def saved_configs(host: str, lora: dict, norms: list) -> dict:
    """LoRA beside modules that are trained and stored whole, and without a head of its own."""
    pooler = ["pooler"] if host == "bert" else []
    query, _, value, *_ = NAMES[host]
    bare = dict(r=4, lora_alpha=8, target_modules=[query, value])  # no task: the head is that of the model
    made = {
        "LoRA, saved norms": LoraConfig(**lora, modules_to_save=[*pooler, *norms]),
        "LoRA, saved table": LoraConfig(**lora, modules_to_save=["word_embeddings"]),
        "LoRA, own table": LoraConfig(**lora),
        "LoRA, no head": LoraConfig(**bare),
        "LoRA, other names": LoraConfig(**lora | dict(target_modules=[query, value, "q_proj", "v_proj"])),
    }
    return made | ({"LoRA, head in part": LoraConfig(**bare, modules_to_save=["out_proj"])} if host == "roberta" else {})


def weight_configs(host: str) -> dict:
    """Methods whose effect is a change of weights, each with the entries that change its mathematics."""
    query, _, value, inner, outer, attention = NAMES[host]
    task = dict(task_type="SEQ_CLS")
    square = task | dict(target_modules=[query, value])
    both = task | dict(target_modules=[query, inner, outer])  # square, wide and tall weights
    lycoris = dict(
        r=3, alpha=5, rank_pattern={f"{attention.format(0)}.{query}": 2}, alpha_pattern={f"{attention.format(1)}.{query}": 9}
    )
    kept = [True, False, True, False]
    first = f"{host}.{'transformer' if host == 'distilbert' else 'encoder'}.{attention.format(0)}.{query}.lora_E"
    return {
        "AdaLoRA": AdaLoraConfig(**both, init_r=4, target_r=2, lora_alpha=6, total_step=10),
        "AdaLoRA, pruned": AdaLoraConfig(**both, init_r=4, lora_alpha=6, total_step=10, rank_pattern={first: kept}),
        "LoHa": LoHaConfig(**both, **lycoris),
        "LoKr": LoKrConfig(**both, **lycoris),
        "LoKr, split": LoKrConfig(**both, r=1, alpha=2, decompose_both=True, decompose_factor=4),
        "VeRA": VeraConfig(**both, r=6),
        "VeRA, drawn": VeraConfig(**both, r=6, save_projection=False, projection_prng_key=5),
        "VB-LoRA": VBLoRAConfig(**both, r=2, num_vectors=12, vector_length=8, topk=3),
        "VB-LoRA, top k": VBLoRAConfig(**both, r=2, num_vectors=12, vector_length=8, topk=3, save_only_topk_weights=True),
        "FourierFT": FourierFTConfig(**both, n_frequency=40, n_frequency_pattern={query: 30}),
        "PVeRA": PveraConfig(**both, r=6),
        "PVeRA, drawn": PveraConfig(**both, r=6, save_projection=False, projection_prng_key=5),
        "Uni-LoRA": UniLoraConfig(**both, r=3, theta_d_length=40),
        "Uni-LoRA, stored": UniLoraConfig(**both, r=3, theta_d_length=400, proj_seed=9, save_indices=True),
        "WaveFT": WaveFTConfig(**both, n_frequency=60, scaling=3, n_frequency_pattern={query: 30}),
        "WaveFT, db3": WaveFTConfig(**both, n_frequency=60, scaling=3, wavelet_family="db3", proportional_parameters=True),
        "WaveFT, entries": WaveFTConfig(**both, n_frequency=60, scaling=3, use_idwt=False),
        "GLoRA": GloraConfig(**both, r=3),
        "GLoRA, vectors": GloraConfig(**both, config_A_B="vector", config_C="vector", config_D_E="vector"),
        "GLoRA, constants": GloraConfig(**both, config_A_B="constant", config_C="none", config_D_E="constant"),
        "GraLoRA": GraloraConfig(**both, r=4, alpha=6, gralora_k=2),
        "GraLoRA, hybrid": GraloraConfig(**both, r=4, alpha=6, gralora_k=4, hybrid_r=3),
        "RandLoRA": RandLoraConfig(**both, r=5, randlora_alpha=20),
        "OFT": OFTConfig(**both, oft_block_size=8),
        "OFT, shared blocks": OFTConfig(**both, oft_block_size=0, r=4, block_share=True, num_cayley_neumann_terms=7),
        "OFT, exact": OFTConfig(**both, oft_block_size=5, use_cayley_neumann=False),
        "OFT, constrained": OFTConfig(**both, oft_block_size=8, coft=True, eps=0.6),
        "BOFT": BOFTConfig(**both, boft_block_size=4),
        "HiRA": HiraConfig(**both, r=3),
        "DeLoRA": DeloraConfig(**both, r=3, delora_lambda=4, lambda_pattern={query: 2}),
        "BEFT": BeftConfig(**both),
        "HRA": HRAConfig(**both, r=3),
        "HRA, orthogonal": HRAConfig(**both, r=4, apply_GS=True),
        "MiSS": MissConfig(**both, r=6),
        "MiSS, bat": MissConfig(**both, r=8, init_weights="bat"),
        "MiSS, mini": MissConfig(**both, r=4, init_weights="mini", mini_r=16),
        "C3A": C3AConfig(**both, block_size=8, block_size_pattern={query: 16}),
        "RoAd 1": RoadConfig(**square, group_size=8),
        "RoAd 2": RoadConfig(**both, variant="road_2", group_size=16),
        "RoAd 4": RoadConfig(**both, variant="road_4", group_size=32),
        "trainable tokens": TrainableTokensConfig(**task, token_indices=[5, 76, 52, 33, 15]),
    }


def make_host(config: transformers.PretrainedConfig, of=AutoModelForSequenceClassification) -> transformers.PreTrainedModel:
    """Larger weights than the usual 0.02, so that wrong wiring shows in the logits."""
    model = of.from_config(config, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(11)
    for name, parameter in model.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 2:
            parameter.copy_(values * (0.25 if of is AutoModelForSequenceClassification else 0.15))
        else:
            parameter.copy_((0.0 if name.endswith("bias") else 1.0) + 0.1 * values)
    return model


def randomise(model: PeftModel) -> PeftModel:
    """Every trained parameter becomes one that changes the logits."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in sorted(model.named_parameters()):
        if parameter.requires_grad:
            is_factor = any(part in name for part in FACTORS) or ("ln_tuning" in name and name.endswith("weight"))
            parameter.copy_((1.0 if is_factor else 0.0) + 0.2 * torch.randn(parameter.shape, generator=generator))
    for name, kept in (getattr(model.peft_config["default"], "rank_pattern", None) or {}).items():
        if name.endswith("lora_E"):  # what AdaLoRA's training leaves of a rank
            dict(model.base_model.model.named_parameters())[f"{name}.default"][~torch.tensor(kept)] = 0.0
    return model.eval()


def logits(model: torch.nn.Module, inputs: dict[str, list]) -> list[list[float]]:
    """Of each text; of each token that is no padding where the model predicts the next one; of each choice of two questions."""
    ids, mask = (torch.tensor(inputs[key]) for key in ("input_ids", "attention_mask"))
    if "ForMultipleChoice" in type(getattr(model, "base_model", model)).__name__ + str(model.config.architectures):
        shaped = (tensor.view(2, -1, tensor.shape[-1]) for tensor in (ids, mask))
        return model(**dict(zip(("input_ids", "attention_mask"), shaped))).logits.view(-1, 1).tolist()
    found = model(input_ids=ids, attention_mask=mask).logits
    return (found[:, -ids.shape[1] :][mask == 1] if found.dim() == 3 else found).tolist()


CHOICES = ("bert", "roberta", "distilbert", "mpnet", "albert", "deberta-v2")


def choice_adapters(name: str) -> dict:
    """HF peft has no task for them."""
    attention = [NAMES[name][0], NAMES[name][2]] if name in NAMES else MODULES[name][0]
    lora = dict(r=4, lora_alpha=8, target_modules=attention)
    dense = {} if name == "distilbert" else {"LoRA of dense maps": LoraConfig(**lora | dict(target_modules=[attention[0], "pooler.dense"], modules_to_save=["classifier"]))}
    return {
        "LoRA": LoraConfig(**lora, modules_to_save=["classifier"]),
        "LoHa": LoHaConfig(r=4, alpha=60, target_modules=attention, modules_to_save=["classifier"]),
    } | ({} if name == "deberta-v2" else dense)


def all_hosts():
    """Name, model, adapters, texts."""
    for name, make in HOSTS.items():
        host = make_host(make())
        yield name, host, configs(name), make_inputs(host.config.pad_token_id)
    for name, config in ENCODERS.items():
        yield name, make_host(config), encoder_adapters(name), make_inputs(config.pad_token_id)
    for name in CHOICES:
        config = copy.deepcopy(HOSTS[name]() if name in HOSTS else ENCODERS[name])
        config.architectures = ["ForMultipleChoice"]
        inputs = make_inputs(config.pad_token_id)
        inputs = {key: [*rows[:3], rows[0]] for key, rows in inputs.items()}  # DeBERTa reads padding in the first place
        yield f"choices-{name}", make_host(config, AutoModelForMultipleChoice), choice_adapters(name), inputs
    for name, config in DECODERS.items():
        inputs = make_inputs(config.pad_token_id)
        on_the_right = {key: rows[:3] for key, rows in inputs.items()}  # HF numbers positions from the padding on
        yield name.removeprefix("tiny-"), make_host(config, AutoModelForCausalLM), decoder_adapters(name), on_the_right


def write(out: Path, hosts: list[str]) -> None:
    for name, host, adapters, inputs in all_hosts():
        if hosts and name not in hosts:
            continue
        host.save_pretrained(out / name / "base")
        cases = {}
        for case, config in adapters.items():
            model = randomise(get_peft_model(copy.deepcopy(host), config))
            cases[case] = dict(logits=logits(model, inputs))
            model.save_pretrained(out / name / "adapters" / case, save_embedding_layers=case.endswith("own table"))
        expected = dict(**inputs, cases=cases)
        (out / name / "expected.json").write_text(json.dumps(expected))
        print(f"{name}: {len(cases)} adapters written by HF peft", file=sys.stderr, flush=True)


def class_of(job: dict):
    if job["scoresChoices"]:
        return AutoModelForMultipleChoice
    return AutoModelForCausalLM if job["predictsNext"] else AutoModelForSequenceClassification


def open_host(job: dict) -> transformers.PreTrainedModel:
    return class_of(job).from_pretrained(job["base"], attn_implementation="eager").eval()


def read_one(host: transformers.PreTrainedModel, job: dict) -> dict:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = PeftModel.from_pretrained(copy.deepcopy(host), job["adapter"]).eval()
        # Tensors that are missing are no more than a warning there, superfluous ones not even that.
        messages = [str(one.message) for one in caught if "adapter keys" in str(one.message)]
        stored = load_file(f"{job['adapter']}/adapter_model.safetensors")
        messages += [f"{name} is not looked at" for name in sorted(stored.keys() - get_peft_model_state_dict(model).keys())]
        return dict(error="; ".join(messages)) if messages else dict(logits=logits(model, job))
    except Exception as error:  # one adapter that cannot be loaded is a finding, not the end
        return dict(error=f"{type(error).__name__}: {error}")


def read_model(job: dict) -> dict:
    """A whole classifier, by the way every user opens one."""
    try:
        model, info = class_of(job).from_pretrained(job["model"], output_loading_info=True)
        wrong = [f"{kind}: {', '.join(map(str, info[kind]))}" for kind in ("missing_keys", "unexpected_keys") if info[kind]]
        return dict(error="; ".join(wrong)) if wrong else dict(logits=logits(model.eval(), job))
    except Exception as error:
        return dict(error=f"{type(error).__name__}: {error}")


def read(jobs: Path, out: Path) -> None:
    hosts, results = {}, []
    for job in json.loads(jobs.read_text()):
        if "model" in job:
            results.append(read_model(job))
            continue
        if job["base"] not in hosts:
            hosts[job["base"]] = open_host(job)
        results.append(read_one(hosts[job["base"]], job))
    print(f"{len(results)} adapters and models loaded by HF", file=sys.stderr, flush=True)
    out.write_text(json.dumps(results))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    command, *paths = sys.argv[1:]
    with torch.no_grad():
        if command == "write":
            write(Path(paths[0]), paths[1:])
        else:
            read(*map(Path, paths))
