"""Greedy continuations by HF transformers with a cache: the same as time-continuation.ts."""
import time

import torch
from transformers.generation.streamers import BaseStreamer


class Clock(BaseStreamer):
    """When the run began, and when each token came: wall time and processor time."""

    def __init__(self):
        self.marks = [(time.perf_counter(), time.process_time())]
        self.begun = False

    def put(self, value):
        # What comes first is the prompt.
        if self.begun:
            self.marks.append((time.perf_counter(), time.process_time()))
        self.begun = True

    def end(self):
        pass


def continue_text(model, ids, count, timed=None):
    """Tokens, milliseconds and processor milliseconds of one of those in `timed`."""
    start, end = timed or (0, count)
    clock = Clock()
    written = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False, use_cache=True, streamer=clock
    )
    wall, cpu = (1000 * (clock.marks[end][part] - clock.marks[start][part]) / (end - start) for part in (0, 1))
    return written[0, ids.shape[1] :].tolist(), wall, cpu
