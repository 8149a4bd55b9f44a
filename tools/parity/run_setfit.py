"""SetFit (Tunstall et al. 2022) with its defaults on given rows: what `npm run compare:setfit` compares with.

Reads a JSON file {model, steps, batch, seed, train: [[text, label]], test: [[text, label]]}; prints one JSON line
{accuracy, trainSeconds, cpuSeconds}. Times are those of training alone: pairs, then the logistic regression.
"""

import json
import sys
import time

import torch
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

torch.set_num_threads(1)
job = json.load(open(sys.argv[1], encoding="utf-8"))


def rows(name):
    return Dataset.from_dict({"text": [row[0] for row in job[name]], "label": [row[1] for row in job[name]]})


model = SetFitModel.from_pretrained(job["model"])
arguments = TrainingArguments(
    batch_size=job["batch"], max_steps=job["steps"], seed=job["seed"], report_to="none", save_strategy="no"
)
trainer = Trainer(model=model, args=arguments, train_dataset=rows("train"))
wall, cpu = time.perf_counter(), time.process_time()
trainer.train()
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
test = rows("test")
predicted = model.predict(test["text"], batch_size=128, show_progress_bar=False)
right = sum(int(p) == label for p, label in zip(predicted, test["label"]))
print(json.dumps({"accuracy": 100 * right / len(test), "trainSeconds": wall, "cpuSeconds": cpu}))
