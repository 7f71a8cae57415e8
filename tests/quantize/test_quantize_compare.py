"""Formats beside each other at equal storage."""

import numpy as np
import pytest

from tandemsim.workloads.quantize.compare import as_text, compared, main, storages, weights_of
from tandemsim.workloads.quantize.model import Layer


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    weights = [random.normal(size=(8, 64)), random.standard_t(2, (8, 64)), random.uniform(-1, 1, (8, 64))]
    layers = [Layer(name=str(n), weight_name=str(n), weight=weight) for n, weight in enumerate(weights)]
    found = {(row.storage, row.name): row for row in compared(weights_of(layers), storages(False))}
    power = sum((weight**2).sum() for weight in weights) / (3 * 8 * 64)
    return found, power


def test_all_formats_of_a_storage_store_the_same_bits(rows):
    found, _ = rows
    bits = {"tensor, float16": 4 + 16 / 512, "channel, float16": 4 + 16 / 64}
    bits |= {"32, E8M0": 4 + 8 / 32, "16, E4M3": 4 + 8 / 16 + 32 / 512}
    for (storage, _), row in found.items():
        assert row.bits == pytest.approx(bits[storage])


def test_errors_of_all_weights_are_weighted_by_their_elements(rows):
    found, power = rows
    for row in found.values():
        assert row.sqnr_db == pytest.approx(10 * np.log10(power / row.mse))


def test_a_choice_is_the_best_of_what_it_may_choose(rows):
    found, _ = rows
    for storage in storages(False):
        least = min(found[storage, name].mse for name in ("int4", "flint4", "pot4"))
        assert found[storage, "IP-F"].mse <= least
        assert found[storage, "IP-F"].best + found[storage, "e2m1"].best >= 3


def test_a_searched_scale_is_never_worse_than_that_of_the_standard(rows):
    found, _ = rows
    assert found["32, E8M0", "e2m1"].mse <= found["32, E8M0", "mxfp4"].mse
    assert found["16, E4M3", "e2m1"].mse <= found["16, E4M3", "nvfp4"].mse


def test_the_table_has_a_line_for_each(rows):
    found, _ = rows
    assert len(as_text(list(found.values())).splitlines()) == 1 + len(found) == 1 + 2 * 5 + 2 * 6


def test_the_command(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", w=np.random.default_rng(0).normal(size=(4, 32)))
    assert main([str(tmp_path / "x.npz")]) == 0
    assert capsys.readouterr().out.startswith("x: 1 weight\nscales")
    assert main([str(tmp_path / "x.npz"), "--activations"]) == 2
    assert "--activations must be with a model that is run" in capsys.readouterr().err
    assert main(["nothing"]) == 2
    assert "unknown model 'nothing'" in capsys.readouterr().err
