"""Serving from Python: what ``tandem serve`` does, with objects in place of words."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.sim.capacity.folder import write_folder
from tandemsim.sim.capacity.serve import serve as served
from tandemsim.sim.capacity.serving import Serving
from tandemsim.sim.capacity.study import Study
from tandemsim.sim.capacity.variants import variants_named
from tandemsim.sim.commands.progress import progress as bars
from tandemsim.sim.serving.mixes import Mix, mix_named


def serve(
    mix: str | Mix,
    policies: str | Sequence[str],
    *,
    load: float | None = None,
    search: bool = False,
    qos: float = 0.95,
    queries: int = 6000,
    seed: int = 0,
    seeds: int = 5,
    arrivals: str | os.PathLike[str] = "poisson",
    tune: bool = True,
    preset: str | None = None,
    settings: Mapping[str, object] | None = None,
    placement: str = "aligned",
    workers: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[str, int, int], None] = False,
) -> Serving:
    """Serve a mix of networks on one CPU, at a load or in search of the highest, and return what was found.

    - `mix`: ``light``, ``medium``, ``heavy``, or tenants: ``"resnet50=15,my_model.json=40"``.
    - `policies`: names, with parameters after colons: ``["layer_wise", "veltair:margin=0.8"]``.
    - `load`: queries a second. Or `search`: the highest load at which the share `qos` of the queries is in
      time, for each policy with its own best parameters, unless `tune` is False.
    - `queries`: of each of `seeds` sequences, which `seed` draws. `arrivals`: ``poisson``, ``bursty``, or a
      CSV file of queries.
    - `preset`, `settings`: of the machine, as ``--preset`` and ``--set`` take them. `placement` of threads:
      ``aligned`` or ``scattered``.
    - `workers`: processes; None: one for each CPU. `out`: a folder that gets the files of ``--out``; it
      keeps the outcomes of a search, so that the same call goes on with one that was stopped.
    - `progress`: bars on a terminal, or who is told of (what is done, steps done, steps in all).

    Raises `ConfigError`, `TraceError` or `FileError` for a value, `TypeError` for a type.
    """
    if not isinstance(mix, (str, Mix)):
        raise TypeError(f"mix must be a string or a Mix, not {shown(mix)}")
    words = [policies] if isinstance(policies, str) else list(policies)
    if not all(isinstance(word, str) for word in words):
        raise TypeError(f"policies must be strings, not {shown(policies)}")
    if (load is None) != search:
        raise ConfigError("exactly one of load and search must be given")
    study = Study(
        mix=mix if isinstance(mix, Mix) else mix_named(mix),
        policies=tuple(variants_named(",".join(words))),
        load=load,
        in_time=qos,
        queries=queries,
        seed=seed,
        seeds=seeds,
        arrivals=os.fspath(arrivals),
        tunes=tune,
        preset=preset,
        settings=dict(settings or {}),
        placement=placement,
    )
    if callable(progress):
        return _served(study, workers, out, progress)
    with bars(quiet=not progress, unit="runs") as callback:
        return _served(study, workers, out, callback)


def _served(
    study: Study,
    workers: int | None,
    out: str | os.PathLike[str] | None,
    progress: Callable[[str, int, int], None] | None,
) -> Serving:
    result = served(study, workers=workers, out=out if study.load is None else None, progress=progress)
    if out is not None:
        write_folder(out, result, progress)
    return Serving(result)
