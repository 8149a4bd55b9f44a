"""Makes tokenizer-*.json with the Rust library behind HF's fast tokenizers.

    pip install tokenizers transformers
    python make-tokenizer-goldens.py

bert: the tokenizer of packages/minilm on tricky texts, and pairs cut to many lengths.
roberta: a byte-level BPE tokenizer trained here on the same texts, with RobertaProcessing; its tokenizer.json is part of the golden.
xlm-roberta: a Unigram tokenizer trained here, with words split at white space and a template; its tokenizer.json is part of the golden.
albert, camembert, deberta-v2, mpnet, modernbert: the classes of HF transformers on a vocabulary trained here, texts alone.
"""

import json
from pathlib import Path

import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
MINILM = HERE / ".." / ".." / "minilm" / "model"

TEXTS = [
    "",
    " ",
    " \t\n\r ",
    "a",
    "Hello, world!",
    "hello   world  again",
    "Minutes of Tuesday's meeting",
    "You have WON $1,000,000!!! Click here >>> http://example.com/?a=b&c=d#e",
    "don't can't won't it's they're I'm you've",
    "state-of-the-art e-mail re-use",
    "snake_case and CamelCase and 3.14159 and 1e-10",
    "100% of 50° at 20€, 30£, 40¥, 5¢",
    "a+b=c; a<b>c; a|b; a^b; a`b; a~b; a\\b; {a}[b](c)",
    "naïve café résumé Zürich Ångström façade señor",
    "nai\u0308ve cafe\u0301 re\u0301sume\u0301",
    "ÅÄÖ åäö ß ẞ ŒœÆæ Øø Łł Đđ",
    "İstanbul ısı I\u0307 Ñandú",
    "ΟΔΟΣ ΦΙΛΟΣΟΦΟΣ Ὀδυσσεύς Σ ΑΣ, ΣΑΣ.",
    "Привет, мир! Ёлка й ЙОД Україна",
    "שָׁלוֹם עוֹלָם",
    "السَّلَامُ عَلَيْكُمْ ١٢٣",
    "नमस्ते दुनिया कि की",
    "สวัสดีชาวโลก น้ำ ที่",
    "こんにちは世界、カタカナ。がぎぐ ガギグ",
    "你好，世界！中文English混合123",
    "한국어 텍스트 조합 \u1112\u1161\u11ab\u1100\u1173\u11af",
    "Tiếng Việt có dấu: Nguyễn Phương Thảo",
    "\U00020000\U00020001 beyond the basic plane \U0002F800\U0002B740",
    "豈更車賈滑 \u3400\u4dbf\u4db5\u9fff\u9fa5\u9fd0",
    "🙂 😀👍🏽 👨‍👩‍👧‍👦 🇩🇪 ❤️ ☃ ™ © ®",
    "🤣🥺🫠🫡🪿 newer emoji",
    "smart “quotes” ‘single’ – en — em … ellipsis • bullet",
    "¿Qué tal? ¡Bien! «guillemets» ‹x› „low“",
    "zero\u200bwidth non\u00a0break soft\u00adhyphen bom\ufeffhere word\u2060joiner",
    "line\u2028separator paragraph\u2029separator \u3000ideographic\u3000space",
    "ctrl\u0000\u0001\u0008\u007f\u0085\u009f chars \u000b\u000c vt ff",
    "tab\tnew\nline\rreturn\r\nboth",
    "replacement \ufffd character \ufffe\uffff non-characters",
    "private \ue000\uf8ff use \U000f0000",
    "ﬁ ﬂ ﬀ ligatures ½ ¼ ² ³ ⅷ Ⅷ ① ㎏ ｆｕｌｌｗｉｄｔｈ",
    "combining a\u0323\u0302\u0301 z\u0336a\u0336 \u0345 \u20d7v \u1dc4 \ufe0f \u0488",
    "[CLS] [SEP] [PAD] [MASK] [UNK]",
    "The capital is [MASK].",
    "x[SEP]y[CLS]z",
    "[sep] [Sep] [ SEP ] [SEP]][SEP] [[SEP] ##ing ## #",
    "[MASK",
    "a" * 100,
    "a" * 101,
    "é" * 100 + " " + "é" * 101,
    "x" * 99 + "中" + "x" * 50,
    "pneumonoultramicroscopicsilicovolcanoconiosis Donaudampfschifffahrtsgesellschaft",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "ɐqɔ ʇxǝʇ uʍop ǝpᴉsd∩ ʰʷ ᵃᵇᶜ",
    "ℵ ∀x∈ℝ: ∃y ≤ √x² × ÷ ± ∞ → ⇒",
    "𝕳𝖊𝖑𝖑𝖔 𝓦𝓸𝓻𝓵𝓭 𝟏𝟐𝟑",
    "ႠႡ აბგ ᲐᲑᲒ Հայ ᎠᎡ ꭰ",
    "\u0130\u0131\u017f\u212a\u2126\u1e9e \u01c5 \u0149 \u1f88 \ufb03",
    "<b>html</b> &amp; &lt;tag&gt; <br/>",
    "Re: Fwd: [LIST] AW: *** SPAM *** ---- ==== ....",
    "aaaa" + "\u0301" * 20 + "bbbb",
    "\u0301leading mark \u0e31 \u05b0",
    "a\u034fb c\u061cd e\u180ef g\u17b4h i\u2061j k\U000e0001l m\u0605n",
    "¡¿·§¶†‡‰‹›⁂※‽⸘ ｡､「」 ।॥ ؟ ، ՚ ֿ־",
]

# Prompts: the mask of RoBERTa and XLM-RoBERTa takes the space before it.
MASKED = ["It was <mask> .", "the quick <mask>, brown", "<mask>", "a<mask>b  <mask> c", "fox <mask>"]
WORDS = "the quick brown fox jumps over a lazy dog and runs far away from all of it today".split()
LENGTHS = [(0, 0), (0, 3), (3, 0), (1, 1), (1, 8), (8, 1), (5, 5), (5, 6), (6, 5), (4, 9), (9, 4), (12, 12), (15, 3), (3, 15)]


def encode(tokenizer, text, pair, maximum):
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if maximum is not None:
        tokenizer.enable_truncation(maximum, strategy="longest_first")
    encoding = tokenizer.encode(text) if pair is None else tokenizer.encode(text, pair)
    return {"inputIds": encoding.ids, "tokenTypeIds": encoding.type_ids}


def pairs(tokenizer):
    """Pairs of real words cut to every length from the special tokens up to no cut at all."""
    rows = []
    for first, second in LENGTHS:
        text, pair = " ".join(WORDS[:first]), " ".join(reversed(WORDS[:second]))
        specials = tokenizer.num_special_tokens_to_add(True)
        for maximum in range(specials, first + second + specials + 2):
            rows.append({"text": text, "pair": pair, "maxTokens": maximum, **encode(tokenizer, text, pair, maximum)})
    for maximum in range(tokenizer.num_special_tokens_to_add(False), 12):
        text = " ".join(WORDS[:8])
        rows.append({"text": text, "maxTokens": maximum, **encode(tokenizer, text, None, maximum)})
    return rows


def texts(tokenizer, check=None, more=()):
    rows = []
    for text in [*TEXTS, *more]:
        row = encode(tokenizer, text, None, None)
        if check is not None:
            assert check(text)["input_ids"] == row["inputIds"], text
        rows.append({"text": text, **row})
    for text, pair in [("", ""), ("a", ""), ("", "b"), ("x[SEP]y", "[CLS]"), ("naïve?", "你好")]:
        rows.append({"text": text, "pair": pair, **encode(tokenizer, text, pair, None)})
    return rows


def decoded(tokenizer):
    """Only what does not depend on the clean-up of spaces."""
    tokenizer.no_truncation()
    ids = tokenizer.encode("the quick brown fox re-used antidisestablishmentarianism").ids
    return {"inputIds": ids, "text": tokenizer.decode(ids, skip_special_tokens=True)}


def write(name, golden):
    made_with = {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__}
    golden = {"madeWith": made_with, **golden}
    lines = json.dumps(golden, ensure_ascii=True)
    (HERE / f"tokenizer-{name}.json").write_text(lines.replace('{"text"', '\n{"text"') + "\n")


def make_bert():
    tokenizer = Tokenizer.from_file(str(MINILM / "tokenizer.json"))
    check = transformers.PreTrainedTokenizerFast(tokenizer_file=str(MINILM / "tokenizer.json"))
    write("bert", {"texts": texts(tokenizer, check), "pairs": pairs(tokenizer), "decoded": decoded(tokenizer)})


def make_roberta():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 50 + TEXTS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    write_trained("roberta", tokenizer)


def make_xlm_roberta():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    special_tokens = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=600, special_tokens=special_tokens, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 50 + TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    write_trained("xlm-roberta", tokenizer)


def write_trained(name, tokenizer):
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    golden = {
        "tokenizerJson": json.loads(tokenizer.to_str()),
        "texts": texts(tokenizer, more=MASKED),
        "pairs": pairs(tokenizer),
        "decoded": decoded(tokenizer),
    }
    write(name, golden)


def trained_pieces(empty, specials):
    """A Unigram vocabulary for the normalizer and the pre-tokenizer of a class of HF transformers."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = empty.backend_tokenizer.normalizer
    tokenizer.pre_tokenizer = empty.backend_tokenizer.pre_tokenizer
    trainer = trainers.UnigramTrainer(vocab_size=600, show_progress=False)
    tokenizer.train_from_iterator([" ".join(WORDS)] * 50 + TEXTS, trainer)
    pieces = json.loads(tokenizer.to_str())["model"]["vocab"]
    return [(special, 0.0) for special in specials] + [(piece, score) for piece, score in pieces if piece not in specials]


def write_class(name, tokenizer):
    backend = tokenizer.backend_tokenizer
    golden = {
        "tokenizerJson": json.loads(backend.to_str()),
        "texts": texts(backend, check=tokenizer, more=[text.replace("<mask>", tokenizer.mask_token) for text in MASKED]),
    }
    write(name, golden)


def make_classes():
    albert = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    pieces = trained_pieces(transformers.AlbertTokenizer(), albert)
    write_class("albert", transformers.AlbertTokenizer(vocab=pieces))
    camembert = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>", "<mask>"]
    pieces = trained_pieces(transformers.CamembertTokenizer(), camembert)
    write_class("camembert", transformers.CamembertTokenizer(vocab=pieces))
    deberta = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    pieces = trained_pieces(transformers.DebertaV2Tokenizer(), deberta)
    write_class("deberta-v2", transformers.DebertaV2Tokenizer(vocab=pieces))
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special_tokens = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
    trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=special_tokens, show_progress=False)
    words.train_from_iterator([" ".join(WORDS)] * 50 + TEXTS, trainer)
    write_class("mpnet", transformers.MPNetTokenizer(vocab=words.get_vocab()))
    modern = Tokenizer(models.BPE())
    modern.normalizer = normalizers.NFC()
    modern.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    modern.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special_tokens = ["[CLS]", "[PAD]", "[SEP]", "[UNK]"]
    trainer = trainers.BpeTrainer(
        vocab_size=450, special_tokens=special_tokens, initial_alphabet=alphabet, show_progress=False
    )
    modern.train_from_iterator([" ".join(WORDS)] * 50 + TEXTS, trainer)
    modern.add_special_tokens([AddedToken("[MASK]", lstrip=True, special=True)])
    modern.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)]
    )
    names = dict(cls_token="[CLS]", pad_token="[PAD]", sep_token="[SEP]", unk_token="[UNK]", mask_token="[MASK]")
    write_class("modernbert", transformers.PreTrainedTokenizerFast(tokenizer_object=modern, **names))


if __name__ == "__main__":
    make_bert()
    make_roberta()
    make_xlm_roberta()
    make_classes()
