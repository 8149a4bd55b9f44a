"""Adapters with the entries that few use, for `npm run parity`: patterns, exclusions, expressions, numbers at the edge."""

from peft import (
    BOFTConfig,
    FourierFTConfig,
    IA3Config,
    LNTuningConfig,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    PromptEncoderConfig,
    VeraConfig,
)


def odd_configs(names: tuple, norms: list, takes_all: bool) -> dict:
    """`names`: query, key, value, the two maps of a feed-forward network, the path of an attention with a place for its layer.

    Without `takes_all` HF peft itself fails for "all-linear": it adapts a module of the head that it saves whole.
    """
    query, key, value, inner, outer, attention = names
    task = dict(task_type="SEQ_CLS")
    pair = dict(r=4, lora_alpha=8, target_modules=[query, value], **task)
    first, second = attention.format(0), attention.format(1)
    escaped = attention.replace(".", r"\.")
    any_layer, last_layer = escaped.format("[0-9]+"), escaped.format(1)
    inner_end = inner.replace(".", r"\.")
    made = {
        "odd: expression": LoraConfig(**pair | dict(target_modules=rf".*{any_layer}\.({query}|{key})")),
        "odd: expression of one layer": LoHaConfig(r=3, target_modules=rf".*{last_layer}\.(?!{key}).*{value[-4:]}", **task),
        "odd: excluded by name": LoraConfig(**pair, exclude_modules=[f"{first}.{query}", "lm_head"]),
        "odd: excluded by expression": LoKrConfig(r=3, target_modules=[query, inner], exclude_modules=r".*\.0\..*", **task),
        "odd: layers beyond the last": LoraConfig(**pair, layers_to_transform=[1, 7]),
        "odd: one layer as a number": OFTConfig(oft_block_size=8, target_modules=[query, outer], layers_to_transform=0, **task),
        "odd: named layers": LoraConfig(**pair, layers_to_transform=[0], layers_pattern="layer"),
        "odd: bias all": LoraConfig(**pair, bias="all"),
        "odd: lora_bias": LoraConfig(**pair, lora_bias=True),
        "odd: fan_in_fan_out": LoraConfig(**pair, fan_in_fan_out=True),
        "odd: alpha 0": LoraConfig(**pair | dict(lora_alpha=0, modules_to_save=norms)),
        "odd: alpha negative": LoraConfig(**pair | dict(lora_alpha=-5)),
        "odd: DoRA, rsLoRA, patterns": LoraConfig(
            **pair, use_dora=True, use_rslora=True, rank_pattern={query: 2}, alpha_pattern={rf".*\.1\..*{value}": 3}
        ),
        "odd: patterns as expressions": LoraConfig(
            **pair, rank_pattern={rf"^.*\.0\..*{query}$": 1, "nothing": 9}, alpha_pattern={f"{second}.{query}": 20, query: 2}
        ),
        "odd: patterns that overlap": LoraConfig(**pair, rank_pattern={f"{second}.{value}": 3, value: 2}),
        "odd: rank above the width": LoraConfig(**pair | dict(r=48)),
        "odd: many names": LoraConfig(**pair | dict(target_modules=[query, inner, "c_attn", "Wqkv", "q_proj", "classifier.dense"])),
        "odd: single tokens": LoraConfig(**pair, trainable_token_indices=[5, 76, 52]),
        "odd: single tokens by name": LoraConfig(
            **pair, trainable_token_indices={"word_embeddings": [76, 5], "position_embeddings": [2, 3, 9]}, modules_to_save=norms
        ),
        "odd: not trained further": LoraConfig(**pair, init_lora_weights="gaussian", lora_dropout=0.3),
        "odd: IA3 by expressions": IA3Config(
            target_modules=rf".*({any_layer}\.{key}|{inner_end})", feedforward_modules=[], **task
        ),
        "odd: norms without one": LNTuningConfig(target_modules=norms, exclude_modules=r".*embeddings.*", **task),
        "odd: VeRA by expression": VeraConfig(r=5, target_modules=rf".*\.1\..*({query}|{key})", d_initial=0.5, **task),
        "odd: BOFT by number of blocks": BOFTConfig(boft_block_size=0, boft_block_num=4, target_modules=[query, value], **task),
        "odd: FourierFT, own seed": FourierFTConfig(
            n_frequency=1, n_frequency_pattern={f"{first}.{query}": 1024}, random_loc_seed=2**31 + 5, scaling=900, target_modules=[query, value], **task
        ),
        "odd: P-tuning of one token": PromptEncoderConfig(
            num_virtual_tokens=1, token_dim=32, num_layers=2, num_attention_heads=4, encoder_hidden_size=7, encoder_num_layers=3, **task
        ),
    }
    if takes_all:
        made["odd: all-linear"] = LoraConfig(**pair | dict(target_modules="all-linear", use_rslora=True))
        made["odd: all-linear, DoRA"] = LoraConfig(**pair | dict(target_modules="all-linear", r=2), use_dora=True)
    return made
