from pathlib import Path

import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.serving.mixes import MIXES, TARGETS_MS, Mix, Tenant, mix_named
from tandemsim.traces import codec


@pytest.mark.parametrize("name", MIXES)
def test_every_tenant_of_a_named_mix_is_a_checked_in_trace(name: str) -> None:
    assert {tenant.workload for tenant in MIXES[name].tenants} <= set(codec.names())
    assert mix_named(name) is MIXES[name]


def test_the_named_mixes_share_out_every_network_with_a_target() -> None:
    workloads = [tenant.workload for mix in MIXES.values() for tenant in mix.tenants]
    assert sorted(workloads) == sorted(TARGETS_MS)


@pytest.mark.parametrize("mix", MIXES.values())
def test_shares_are_in_proportion_to_one_over_the_target(mix: Mix) -> None:
    products = [tenant.share * tenant.target_ms for tenant in mix.tenants]
    assert products == pytest.approx([products[0]] * len(products))


def test_any_trace_is_a_tenant_with_its_target_and_share() -> None:
    mix = mix_named("resnet50=20:3,vgg16=40:1")
    assert [(t.name, t.target_ms, t.share) for t in mix.tenants] == [("resnet50", 20, 3), ("vgg16", 40, 1)]
    assert mix.line == ("resnet50 (target 20 ms, 75 % of queries), vgg16 (target 40 ms, 25 % of queries)")


def test_a_file_is_a_tenant_by_its_name_without_folder_and_ending(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_bytes(codec.find("resnet18").read_bytes())
    (tenant,) = mix_named(f"{file}=5").tenants
    assert (tenant.name, tenant.workload, tenant.target_ms) == ("mine", str(file), 5)


def test_a_network_of_a_named_mix_brings_its_target() -> None:
    (tenant,) = mix_named("bert-large-384=130").tenants
    assert tenant == Tenant(name="bert-large-384", workload="bert-large-384", target_ms=130, share=1 / 130)
    assert mix_named("resnet50,googlenet").tenants == MIXES["medium"].tenants


@pytest.mark.parametrize(
    "text, message",
    [
        ("meduim", "unknown mix 'meduim'; did you mean 'medium'?"),
        ("resnet50,resnet51", "unknown network 'resnet51'; did you mean 'resnet50', 'resnet18' or"),
        ("resnet50=15:2,googlenet", "shares must be given for all tenants or for none, not"),
        ("vgg16", "vgg16 needs a target in ms, as in vgg16=50"),
        ("vgg16=", "the target of vgg16 must be a positive number, not ''"),
        (
            "vgg16=-1,resnet18=0",
            "the target of vgg16 must be a positive number, not '-1'; the target of resnet18",
        ),
        ("vgg16=nan", "the target of vgg16 must be a positive number, not 'nan'"),
        ("vgg16=1e9", "the target of vgg16 must be a positive number of ms up to 1,000,000"),
        ("resnet50=15:x", "the share of resnet50 must be a positive number, not 'x'"),
        ("resnet50,resnet50", "the tenants of a mix must have names of their own"),
        (",".join(["resnet50"] * 17), "a mix must have 1 to 16 tenants, not 17"),
        ("=5", "a tenant must be TRACE"),
        ("", "unknown mix ''; known: heavy, light, medium"),
    ],
)
def test_a_wrong_mix_is_refused_by_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mix_named(text)
    assert message in str(caught.value)
