import pytest

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.capacity.variants import BLOCKS, LINES, MARGINS, Variant, variants_named
from tandemsim.sim.serving.policy import POLICIES, Share


def test_every_policy_has_a_line() -> None:
    assert list(LINES) == list(POLICIES)


def test_parameters_behind_a_name_are_those_of_the_policy() -> None:
    plain, changed = variants_named("layer_wise,veltair:margin=0.9:quantum=8:share=macs:knows_teams=false")
    assert plain.policy == POLICIES["layer_wise"]
    policy = changed.policy
    assert (policy.margin, policy.quantum, policy.share, policy.knows_teams) == (0.9, 8, Share.MACS, False)
    assert changed.label == "veltair:margin=0.9:quantum=8:share=macs:knows_teams=false"


def test_a_label_names_the_same_variant_again() -> None:
    (variant,) = variants_named("fixed_blocks:block=20:margin=0.55")
    assert variants_named(variant.label) == [variant]


def test_what_is_free_is_tuned_and_what_is_set_is_not() -> None:
    assert [each["margin"] for each in Variant("veltair").grid()] == list(MARGINS)
    assert Variant("veltair", {"margin": 1.0}).grid() == [{}]
    assert Variant("prema").grid() == [{}]
    grid = Variant("fixed_blocks").grid()
    assert {(each["margin"], each["block"]) for each in grid} == {(m, b) for m in MARGINS for b in BLOCKS}
    assert Variant("fixed_blocks", {"margin": 0.5}).grid() == [{"block": block} for block in BLOCKS]


@pytest.mark.parametrize(
    "text, message",
    [
        ("veltiar", "unknown policy 'veltiar'; did you mean 'veltair'?"),
        ("", "unknown policy ''"),
        ("veltair:margn=1", "unknown parameter of a policy 'margn'; did you mean 'margin'?"),
        ("veltair:margin", "with a value after 'margin'"),
        ("veltair:margin=x", "margin must be a number, not 'x'"),
        ("veltair:margin=2", "veltair: margin must be above 0 and at most 1, not 2.0"),
        ("veltair:quantum=0,prema:block=0", "veltair: quantum must be a positive integer, not 0"),
        ("fixed_blocks:block=1.5", "block must be an integer, not '1.5'"),
        ("veltair:share=mcas", "unknown value of share 'mcas'; did you mean 'macs'?"),
        ("veltair:knows_teams=1", "knows_teams must be true or false, not '1'"),
        ("veltair,veltair", "every policy must be named once, not 'veltair'"),
    ],
)
def test_a_wrong_policy_is_refused_by_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        variants_named(text)
    assert message in str(caught.value)
