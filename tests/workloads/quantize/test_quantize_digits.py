"""Networks trained on digits, and what formats cost them."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

import torch

from tandemsim.workloads.quantize import accuracy, digits
from tandemsim.workloads.quantize.__main__ import main


@pytest.fixture
def short(monkeypatch):
    """Two epochs instead of thirty."""
    monkeypatch.setattr(digits, "EPOCHS", 2)


def test_images_and_digits_are_those_of_the_data_set():
    data = digits.split(3)
    assert data.train.shape == (1297, 1, 8, 8) and data.test.shape == (500, 1, 8, 8)
    assert data.train.min() >= 0 and data.train.max() == 1
    counts = np.bincount(torch.cat([data.train_digits, data.test_digits]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # of the data set's own page
    whole = torch.cat([data.train, data.test]).flatten(1)
    assert len(torch.unique(whole, dim=0)) == len(whole)  # no image is in both parts


@pytest.mark.parametrize("network", digits.NETWORKS)
def test_the_same_seed_gives_the_same_network(network, short):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, again, other = (digits.trained(network, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(torch.get_rng_state(), before)  # the caller's numbers are left alone


def test_training_beats_a_guess_and_accuracy_is_a_share(short):
    module, data = digits.trained("digits-mlp", 0), digits.split(0)
    with torch.no_grad():
        hits = sum(
            int(module(x[None]).argmax() == y) for x, y in zip(data.test, data.test_digits, strict=True)
        )
    assert digits.accuracy(module, data) == hits / 500
    assert hits > 250


def test_all_formats_of_a_seed_are_compared_with_its_own_float32(short):
    found = accuracy.one_seed("digits-mlp", 0, 4, 0)
    assert list(found) == [accuracy.FLOAT, *accuracy.plans(4)]
    assert found["float32"].accuracy == digits.accuracy(digits.trained("digits-mlp", 0), digits.split(0))
    assert abs(found["int8"].accuracy - found["float32"].accuracy) <= 0.02
    weights, channels = 64 * 128 + 128 * 128 + 128 * 10, 128 + 128 + 10
    assert found["int4"].bits == pytest.approx(4 + 16 * channels / weights)
    assert found["IP-F, per tensor"].bits == pytest.approx(4 + 16 * 3 / weights)
    assert found["mxfp4"].bits == 4.25 and found["nvfp4"].bits == pytest.approx(4.5 + 3 * 32 / weights)


def test_fine_tuning_wins_accuracy_back_where_a_format_is_poor(short, monkeypatch):
    plans = {"int3": accuracy.plans(3)["pot3"]}
    monkeypatch.setattr(accuracy, "plans", lambda bits: plans)
    plain, tuned = (accuracy.one_seed("digits-mlp", 0, 3, epochs)["int3"].accuracy for epochs in (0, 3))
    assert tuned > plain


def test_the_table_has_means_and_spreads():
    seeds = [
        {"float32": accuracy.Outcome(0.9, 32.0), "int4": accuracy.Outcome(0.8, 4.25)},
        {"float32": accuracy.Outcome(1.0, 32.0), "int4": accuracy.Outcome(0.7, 4.5)},
    ]
    lines = [line.split("  ") for line in accuracy.as_text("net", seeds).splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells[1] == ["float32", "32.00", "95.00 %", "0.00 %", "0.00 %", "0.00 %"]
    assert cells[2] == ["int4", "4.25", "75.00 %", "20.00 %", "14.14 %", "30.00 %"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--seeds", "0"], "--seeds must be positive, not 0"),
        (["--bits", "8"], "--bits must be 3 to 6, not 8"),
        (["--tune", "-1"], "--tune must not be negative, not -1"),
    ],
)
def test_mistakes_are_one_line(arguments, message, capsys):
    assert accuracy.main(arguments) == 2
    assert capsys.readouterr().err == f"workloads: {message}\n"


def test_the_command_quantizes_a_network_of_its_own(short, tmp_path, capsys):
    assert main(["digits-conv", "--escalate", "1", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "trained from seed 0, test accuracy 0." in printed
    assert main(["digits-conv", "--input", "1x1x8x8"]) == 2
    assert "--input must be with a module:callable" in capsys.readouterr().err
