"""The texts of the comparisons: token ids of no language."""

import torch


def make_inputs(pad: int) -> dict[str, list]:
    """Four texts: no padding, padding on the right, much of it, and padding on the left."""
    ids = torch.randint(5, 100, (4, 9), generator=torch.Generator().manual_seed(7))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    mask[2, 3:] = 0
    mask[3, :4] = 0
    ids[mask == 0] = pad
    return dict(input_ids=ids.tolist(), attention_mask=mask.tolist())
