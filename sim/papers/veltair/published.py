"""What VELTAIR publishes: four numbers of its abstract, and the rules of its artifact.

Per-figure numbers, targets, shares and the margins of the paper's baselines are not in them.
"""

from __future__ import annotations

from collections.abc import Mapping

ABSTRACT = "arXiv 2201.06212, abstract"
ARTIFACT = "github.com/SJTU-ReArch-Group/VELTAIR_ASPLOS22, e8fc1a8"

#: Mix -> how many more requests it serves under the same target than what was there, in percent.
GAINS: Mapping[str, float] = {"light": 71.0, "medium": 62.0, "heavy": 45.0}
LATENCY = -50.0  # percent, of the mean latency
QUANTUM = 8  # cores, of the artifact
MARGIN = 1.0  # its ALPHA: a plan may use the whole target
BLOCK = 20  # layers of its blocks
