"""Hosts beyond BERT, RoBERTa and DistilBERT for `npm run parity`: other encoders, and decoders, with the adapters that are compared on them."""

from make_decoder_goldens import TINY as DECODERS
from make_encoder_goldens import FAMILIES, LORA_TARGETS
from peft import (
    AdaLoraConfig,
    BOFTConfig,
    C3AConfig,
    FourierFTConfig,
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
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    PveraConfig,
    RandLoraConfig,
    RoadConfig,
    TrainableTokensConfig,
    UniLoraConfig,
    VBLoRAConfig,
    VeraConfig,
    WaveFTConfig,
)

BERT = (["query", "key", "value"], "intermediate.dense", "output.dense", ["LayerNorm"])
# Names of the maps of attention, of the two maps of a feed-forward network, and of norms.
MODULES = {
    "electra": BERT,
    "camembert": BERT,
    "mpnet": (["q", "k", "v"], "intermediate.dense", "output.dense", ["LayerNorm"]),
    "albert": (["query", "key", "value"], "ffn", "ffn_output", ["LayerNorm", "full_layer_layer_norm"]),
    "deberta-v2": (["query_proj", "key_proj", "value_proj"], "intermediate.dense", "output.dense", ["LayerNorm"]),
    "deberta-v2-apart": (["query_proj", "pos_key_proj", "value_proj"], "intermediate.dense", "output.dense", ["LayerNorm"]),
    "modernbert": (["Wqkv"], "Wi", "mlp.Wo", ["mlp_norm", "final_norm"]),
}
# Layers of the head that HF peft would adapt for "all-linear", which is refused here.
OF_HEAD = {"deberta-v2": "pooler.dense", "deberta-v2-apart": "pooler.dense", "modernbert": "head.dense"}
ENCODERS = {name: config for name, (config, *_) in FAMILIES.items()}


def encoder_adapters(name: str) -> dict:
    """LoRA in its forms, and one method of each kind of intervention."""
    attention, inner, outer, norms = MODULES[name]
    task = dict(task_type="SEQ_CLS")
    first = dict(**task, target_modules=[attention[0], inner])
    virtual = dict(num_virtual_tokens=5, token_dim=getattr(ENCODERS[name], "embedding_size", 16), num_layers=ENCODERS[name].num_hidden_layers, num_attention_heads=2, **task)
    made = {
        "LoRA": LoraConfig(r=4, lora_alpha=8, target_modules=LORA_TARGETS[name], **task),
        "LoRA, all-linear": LoraConfig(r=2, lora_alpha=3, target_modules="all-linear", exclude_modules=OF_HEAD.get(name), **task),
        "LoRA, bias all": LoraConfig(r=2, lora_alpha=3, bias="all", target_modules=attention, **task),
        "LoRA, single tokens": LoraConfig(r=2, lora_alpha=3, trainable_token_indices=[5, 76, 52], target_modules=attention, **task),
        "LoRA, no head": LoraConfig(r=2, lora_alpha=3, target_modules=attention),
        "rsLoRA": LoraConfig(r=4, lora_alpha=3, use_rslora=True, layers_to_transform=[0], target_modules=attention, **task),
        "DoRA": LoraConfig(r=2, lora_alpha=3, use_dora=True, target_modules=[*attention, outer], **task),
        "IA3": IA3Config(target_modules=[attention[-1], outer], feedforward_modules=[outer], **task),
        "LN tuning": LNTuningConfig(target_modules=norms, **task),
        "LoHa": LoHaConfig(r=4, alpha=16, **first),
        "OFT": OFTConfig(oft_block_size=4, **first),
        "MiSS, bat": MissConfig(r=4, init_weights="bat", **first),
        "Uni-LoRA": UniLoraConfig(r=8, theta_d_length=900, target_modules=[*attention, inner, outer], **task),
        "VeRA": VeraConfig(r=4, **first),
        "prompt tuning": PromptTuningConfig(**virtual),
        "P-tuning": PromptEncoderConfig(**virtual, encoder_hidden_size=8),
    }
    if name in ("electra", "camembert"):  # peft refuses prefixes on the others
        made["prefix"] = PrefixTuningConfig(**virtual | dict(token_dim=16))
    return made


def decoder_adapters(name: str) -> dict:
    """Methods on the maps of a decoder: fused ones, stored inputs first, for GPT-2."""
    is_gpt2 = name == "tiny-gpt2"
    attention, outer = (["c_attn"], "mlp.c_proj") if is_gpt2 else (["q_proj", "v_proj"], "down_proj")
    task = dict(task_type="CAUSAL_LM")
    fan = dict(fan_in_fan_out=True) if is_gpt2 else {}
    both = dict(target_modules=[*attention, outer], **task)
    made = {
        "LoRA": LoraConfig(r=4, lora_alpha=8, **both, **fan),
        "rsLoRA, layer 1": LoraConfig(r=4, lora_alpha=8, use_rslora=True, layers_to_transform=[1], **both, **fan),
        "DoRA": LoraConfig(r=4, lora_alpha=8, use_dora=True, **both, **fan),
        "LoRA, all-linear": LoraConfig(r=2, lora_alpha=8, target_modules="all-linear", **task, **fan),
        "IA3": IA3Config(target_modules=[*attention, outer], feedforward_modules=[outer], **task, **fan),
        "prefix": PrefixTuningConfig(num_virtual_tokens=5, **task),
        "prompt tuning": PromptTuningConfig(num_virtual_tokens=5, **task),
        "AdaLoRA": AdaLoraConfig(init_r=4, lora_alpha=6, total_step=10, **both, **fan),
        "VeRA": VeraConfig(r=4, **both, **fan),
        "VB-LoRA": VBLoRAConfig(r=2, num_vectors=12, vector_length=8, topk=3, **both, **fan),
        "FourierFT": FourierFTConfig(n_frequency=40, **both, **fan),
        "WaveFT": WaveFTConfig(n_frequency=40, scaling=3, **both, **fan),
        "Uni-LoRA": UniLoraConfig(r=3, theta_d_length=40, **both, **fan),
        "RandLoRA": RandLoraConfig(r=5, randlora_alpha=4, **both, **fan),
        "PVeRA": PveraConfig(r=4, **both, **fan),
        "HiRA": HiraConfig(r=4, **both, **fan),
        "GraLoRA": GraloraConfig(r=4, alpha=6, gralora_k=2, **both, **fan),
        "LoRA, single tokens": LoraConfig(r=4, lora_alpha=8, trainable_token_indices=[5, 76, 52], **both, **fan),
        "trainable tokens": TrainableTokensConfig(token_indices=[5, 76, 52], **task),
    }
    if not is_gpt2:  # peft has them for nn.Linear alone
        made |= {
            "LoHa": LoHaConfig(r=3, alpha=5, **both),
            "LoKr": LoKrConfig(r=3, alpha=5, **both),
            "OFT": OFTConfig(oft_block_size=4, **both),
            "BOFT": BOFTConfig(boft_block_size=4, **both),
            "HRA": HRAConfig(r=3, **both),
            "MiSS": MissConfig(r=4, **both),
            "C3A": C3AConfig(block_size=16, **both),
            "RoAd 1": RoadConfig(group_size=8, target_modules=attention, **task),
            "LN tuning": LNTuningConfig(target_modules=["input_layernorm", "norm"], **task),
        }
    return made


__all__ = ["DECODERS", "ENCODERS", "MODULES", "decoder_adapters", "encoder_adapters"]
