"""Our ViL has the published sizes, and its windows are what a brute-force 2-D mask gives."""

import math

import pytest
import torch

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads import vil
from tandemsim.workloads.attention import WindowAttention
from tandemsim.workloads.vil import Stage, ViL, ViLConfig

SMALL_STAGES = (
    Stage(heads=2, hidden=16, layers=1, patch=4, reach=2),
    Stage(heads=2, hidden=24, layers=2, reach=3),
    Stage(heads=4, hidden=32, layers=1, global_tokens=0),
)


class Masked(torch.nn.Module):
    """Dense attention under a mask that compares the image coordinates of every two tokens."""

    def __init__(self, window):
        super().__init__()
        (low, high), (height, width) = window.bands[0], window.grid
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        place = torch.stack([y.flatten(), x.flatten()])
        near = (
            (place[:, None, :] - place[:, :, None] >= low) & (place[:, None, :] - place[:, :, None] <= high)
        ).all(0)
        count = len(window.global_tokens)
        self.mask = torch.ones(count + height * width, count + height * width, dtype=torch.bool)
        self.mask[count:, count:] = near

    def forward(self, q, k, v):
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return scores.masked_fill(~self.mask, -torch.inf).softmax(-1) @ v


def test_windows_equal_a_brute_force_mask_through_the_whole_model():
    torch.manual_seed(0)
    model = ViL(ViLConfig(stages=SMALL_STAGES, image=48, classes=10)).eval()
    image = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        actual = model(image)
        replaced = 0
        for module in model.modules():
            if isinstance(getattr(module, "window", None), WindowAttention):
                module.window = Masked(module.window)
                replaced += 1
        expected = model(image)
    assert replaced == 3
    assert actual.std() > 1e-3
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


def test_an_interior_token_of_the_published_sizes_sees_a_15x15_window():
    with torch.device("meta"):
        model = ViL(vil.TINY)
    windows = [module for module in model.modules() if isinstance(module, WindowAttention)]
    assert [list(window.grid) for window in windows] == [[56, 56], [28, 28]]
    assert all(list(window.global_tokens) == [0] for window in windows)
    assert all([high - low + 1 for low, high in window.bands] == [15, 15] for window in windows)


# README of github.com/microsoft/vision-longformer, in millions
@pytest.mark.parametrize(
    ("config", "published"),
    [(vil.TINY, 6.7), (vil.SMALL, 24.6), (vil.MEDIUM_WIDE, 39.8)],
    ids=["tiny", "small", "wide"],
)
def test_parameter_counts_round_to_the_published_ones(config, published):
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in ViL(config).parameters())
    assert round(count / 1e6, 1) == published


def test_every_norm_has_the_epsilon_of_the_released_code():
    with torch.device("meta"):
        norms = [module for module in ViL(vil.TINY).modules() if isinstance(module, torch.nn.LayerNorm)]
    assert {norm.eps for norm in norms} == {1e-6}
    assert len(norms) == 4 + 2 * 12 + 1


def test_an_image_of_another_size_is_refused():
    with torch.device("meta"):
        model = ViL(vil.TINY)
        message = r"ViL input must be \[batch, 3, 224, 224\], not \[1, 3, 192, 192\]"
        with pytest.raises(ConfigError, match=message):
            model(torch.empty(1, 3, 192, 192))


def test_an_image_that_patches_do_not_divide_is_refused():
    with pytest.raises(ConfigError, match="ViLConfig.image must be a multiple of all patches, not 50"):
        ViLConfig(stages=SMALL_STAGES, image=50)
