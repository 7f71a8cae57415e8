"""`python -m rtl.build` over several families, and that both doors to a config say the same."""

import json
from dataclasses import dataclass

import pytest

from tandemsim.rtl import build
from tandemsim.rtl.lib.units import Units
from tandemsim.sim.arch import families
from tandemsim.sim.arch.family import Family, Preset
from tandemsim.sim.commands import main as tandem
from tests.rtl.families import added, pe


@dataclass(frozen=True, kw_only=True)
class AntConfig:
    """The config of a made-up family."""

    largest: int = 100

    @property
    def circuit(self):
        """All of it."""
        return self

    def check_circuit(self):
        """Every config of this family can be built."""


@pytest.fixture
def two_families(monkeypatch):
    """Adds a family whose PE adds."""
    family = Family(name="ant", line="adds", presets={"ant": Preset(AntConfig(), "the only one")})
    units = Units(kinds=(pe("ant", added),), said={}, seconds=lambda unit, config: 0.0)
    monkeypatch.setattr(families, "FAMILIES", {**families.FAMILIES, "ant": family})
    monkeypatch.setattr(build, "UNITS", {**build.UNITS, "ant": units})


@pytest.mark.usefixtures("two_families")
def test_a_name_that_two_families_have_is_refused_with_both(tmp_path, capsys):
    assert build.main(["pe", "--out", str(tmp_path / "rtl")]) == 2
    said = "python -m rtl.build: unit 'pe' is one of several: salo/pe, ant/pe\n"
    assert capsys.readouterr().err == said
    assert not (tmp_path / "rtl").exists()


@pytest.mark.usefixtures("two_families")
def test_each_family_has_its_own_folder_config_and_circuit(tmp_path):
    assert build.main(["salo/pe", "ant/pe", "--out", str(tmp_path)]) == 0
    texts = {family: (tmp_path / family / "pe.v").read_text() for family in ("salo", "ant")}
    assert all(f"module {family}_pe_" in texts[family] for family in texts)
    assert "stage_in" in texts["salo"] and "stage_in" not in texts["ant"]
    sidecar = json.loads((tmp_path / "ant" / "pe.json").read_text())
    assert sidecar["config"] == {"largest": 100}
    assert (sidecar["family"], sidecar["unit"]) == ("ant", "pe")
    assert "stages" not in sidecar


@pytest.mark.usefixtures("two_families")
def test_a_setting_holds_for_the_families_that_are_built(tmp_path, capsys):
    assert build.main(["ant/pe", "--set", "largest=7", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "ant" / "pe.json").read_text())["config"] == {"largest": 7}
    capsys.readouterr()
    assert build.main(["exp_unit", "--set", "largest=7", "--out", str(tmp_path)]) == 2
    assert "unknown config key 'largest'" in capsys.readouterr().err


@pytest.mark.usefixtures("two_families")
def test_a_config_of_another_family_is_refused(tmp_path, capsys):
    path = tmp_path / "ant.toml"
    path.write_text('machine = "ant"\npreset = "ant"\n[settings]\n[config]\nlargest = 7\n')
    assert build.main(["ant/pe", "--config", str(path), "--out", str(tmp_path / "one")]) == 0
    assert json.loads((tmp_path / "one" / "ant" / "pe.json").read_text())["config"] == {"largest": 7}
    capsys.readouterr()
    assert build.main(["salo/pe", "--config", str(path), "--out", str(tmp_path / "two")]) == 2
    said = "python -m rtl.build: --config must be of salo, not of ant\n"
    assert capsys.readouterr().err == said


DOORS = [
    ["--set", "dataflow=ws"],
    ["--set", "foo=1"],
    ["--set", "rws=4"],
    ["--set", "array=1"],
    ["--set", "rows=4", "--set", "array.rows=8"],
    ["--set", "rows=0", "--set", "memory=hbm"],
    ["--set", "numerics=narrow"],
    ["--set", "rows"],
    ["--preset", "salo-dac"],
    ["--config", "settings.toml"],
    ["--config", "nowhere.toml"],
    ["--config", "broken.toml"],
]


@pytest.mark.parametrize("arguments", DOORS, ids=" ".join)
def test_both_doors_refuse_a_config_in_the_same_words(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.toml").write_text("rows = 0\n[array]\ncols = true\n")
    (tmp_path / "broken.toml").write_text("rows = \n")
    assert tandem.main(["run", "vil-tiny", *arguments]) == 2
    said = capsys.readouterr().err
    assert build.main(["pe", *arguments]) == 2
    assert capsys.readouterr().err == said.replace("tandem: ", "python -m rtl.build: ")
    assert said.count("\n") == 1 and len(said) <= 301


OF_ANT = [
    ["--set", "rows=3"],
    ["--set", "rws=4"],
    ["--set", "array.formats=int4,flint"],
    ["--set", "array.formats=e5m2"],
    ["--set", "array.formats=flint8"],
    ["--set", "array.accumulator_width=0"],
    ["--preset", "ants"],
]


@pytest.mark.parametrize("arguments", OF_ANT, ids=" ".join)
def test_both_doors_refuse_a_config_of_ant_in_the_same_words(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert tandem.main(["run", "vil-tiny", "--machine", "ant", *arguments]) == 2
    said = capsys.readouterr().err
    assert build.main(["ant/gemm", *arguments]) == 2
    assert capsys.readouterr().err == said.replace("tandem: ", "python -m rtl.build: ")
    assert said.count("\n") == 1 and len(said) <= 301


def test_both_doors_make_the_same_config_of_a_file_and_settings(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.toml").write_text("rows = 8\nmemory = 'hbm2'\n[array]\ncols = 8\n")
    arguments = ["--preset", "salo-dac22", "--config", "settings.toml", "--set", "cols=4"]
    assert tandem.main(["run", "vil-tiny", *arguments, "--dump-config"]) == 0
    (tmp_path / "dump.toml").write_text(capsys.readouterr().out)
    for given in (arguments, ["--config", "dump.toml"]):
        assert build.main(["pe", *given]) == 0
        capsys.readouterr()
        config = json.loads((tmp_path / "build" / "rtl" / "salo" / "pe.json").read_text())["config"]
        assert (config["array"]["rows"], config["array"]["cols"]) == (8, 4)
        assert config["array"]["normalisation"] == "per_pass"
        assert config["dram"]["standard"]["name"] == "hbm2"
