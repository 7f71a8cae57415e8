"""What layers really take and what policies plan with know nothing of each other."""

from __future__ import annotations

from house import ROOT, Tree, read_tree

TRUTH = {"sim.cpu.contention", "sim.serving.truth", "sim.serving.layers"}
PLAN = {
    "sim.serving.profile",
    "sim.serving.demand",
    "sim.serving.blocks",
    "sim.serving.priced",
    "sim.serving.policy",
}


def reached(tree: Tree, start: str) -> set[str]:
    """Return all modules that importing `start` loads, at once or later."""
    waiting, seen = [start], {start}
    while waiting:
        for found in tree.get(waiting.pop(), []):
            if found.target not in seen:
                seen.add(found.target)
                waiting.append(found.target)
    return seen


def test_the_plan_does_not_import_contention_nor_contention_the_plan() -> None:
    tree = read_tree(ROOT)
    assert set(tree) >= TRUTH | PLAN
    for module in PLAN:
        assert not reached(tree, module) & TRUTH, module
    assert not reached(tree, "sim.cpu.contention") & PLAN
