"""Scores of rouge-score and sacrebleu on made-up texts: the goldens of packages/glue-fewshot.

    python3 -m venv v && v/bin/pip install rouge-score==0.1.2 sacrebleu==2.5.1 nltk==3.10.4
    v/bin/python tools/parity/make_text_metric_goldens.py > packages/glue-fewshot/goldens/text-metrics.json
"""

import json
import random
import sys

import sacrebleu
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

ROOTS = """abil act agree adjust hop hopp fil fizz fall hiss troubl siz conflat plaster bl motor
cat die tie sky happ by say enjo relat condition ration valenc hesit digit conform radic differ vil analog
geolog log vietnam predic operat feud decis hope call formal sensit sensib triplic form electr good reviv allow
infer airlin gyroscop defens irrit replac depend adopt commun angul homolog effect bowdler prob rat ceas
control roll tt y a ow box snow rally total eel bee real gener""".split()
ENDINGS = """ s es ies ied ed eed ing ings y ily ly e er ers or ational tional enci anci izer bli ably alli entli eli
ousli ization ation ations ator alism iveness fulness ousness aliti iviti biliti fulli logi logy icate ative alize iciti
ical ful ness al ance ence able ible ant ement ment ent ion ism ate iti ous ive ize ll le ally ied fully ess""".split()
IRREGULAR = "sky skies dying lying tying news innings inning outings outing cannings canning howe proceed exceed succeed".split()

WORDS = """the a cat cats sat sitting on mat mats dog quickly brown foxes jumped over 3.14 1,000 U.S. it's don't "quoted"
(round) [square] {curly} e-mail 10-20 semi;colon well-known Zürich naïve 東京 £5 100% #tag @name a/b x=y end. stop! why? ...
, . - -- &amp; &lt;b&gt; <skipped> generously relational hoping hopping $5.00 C++ foo_bar ~tilde `tick`""".split()


def sentence(rng, low, high):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def variant(rng, text):
    words = text.split(" ")
    for _ in range(rng.randint(0, 4)):
        place = rng.randrange(len(words))
        words[place : place + 1] = rng.choice([[], [words[place]] * 2, [rng.choice(WORDS)], [words[place].upper()]])
        words = words or ["the"]
    return " ".join(words)


def make_texts():
    rng = random.Random(7)
    rows = []
    for index in range(24):
        references = [sentence(rng, 3, 18)]
        references += [variant(rng, references[0]) for _ in range(index % 3)]
        rows.append({"text": variant(rng, references[0]), "references": references})
    rows.append({"text": "", "references": ["the cat"]})
    rows.append({"text": "line one-\ntwo\nthree", "references": ["line one two three", "line onetwo three"]})
    rows.append({"text": "東京", "references": ["東京 の 猫"]})
    # Words of three letters are not stemmed.
    rows.append({"text": "the gas was his bus", "references": ["the ga wa hi bu"]})
    rows.append({"text": "the the the the", "references": ["the cat the mat", "the"]})
    rows.append({"text": "a cat sat on the wide mat", "references": ["the cats sat on a mat"]})
    return rows


def bleu(rows, **options):
    width = max(len(row["references"]) for row in rows)
    streams = [[(row["references"] + [None] * width)[at] for row in rows] for at in range(width)]
    return sacrebleu.BLEU(**options).corpus_score([row["text"] for row in rows], streams).score / 100


def main():
    rows = make_texts()
    for row in rows:
        for name, stem in (("rouge", False), ("stemmed", True)):
            scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=stem)
            scores = scorer.score_multi(row["references"], row["text"])
            row[name] = {kind: score.fmeasure for kind, score in scores.items()}
        row["tokens"] = sacrebleu.BLEU().tokenizer(row["text"].rstrip()).split()
    stemmer = PorterStemmer()
    words = sorted({root + ending for root in ROOTS for ending in [""] + ENDINGS} | set(IRREGULAR))
    random.Random(3).shuffle(words)
    words = IRREGULAR + [word for word in words if word not in IRREGULAR][:1200]
    # Of the last ones no group of four is in common: smoothing decides.
    corpora = {"all": [*range(len(rows))], "few": [0, 3, 6, 9], "poor": [len(rows) - 2, len(rows) - 1], "none": [24]}
    result = {
        "versions": {"rouge-score": "0.1.2", "sacrebleu": sacrebleu.__version__},
        "rows": rows,
        "stems": {word: stemmer.stem(word) for word in words},
        "corpora": {
            name: {
                "rows": places,
                **{
                    method: bleu([rows[place] for place in places], smooth_method=method)
                    for method in ("exp", "floor", "add-k", "none")
                },
                "lower": bleu([rows[place] for place in places], lowercase=True),
            }
            for name, places in corpora.items()
        },
    }
    json.dump(result, sys.stdout, ensure_ascii=False, separators=(",", ":"))


main()
