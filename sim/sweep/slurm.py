"""A cluster made of Slurm's jobs: each job is one or more workers, and all end with the sweep.

What a site needs beside the words of the study's ``[cluster]`` (modules to load, further directives) is set
in dask-jobqueue's own file, ``~/.config/dask/jobqueue.yaml``; those words win.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.shell.modules import PARENT

DEFAULT_JOBS = 8  # assumed
DEFAULTS = {"cores": 1, "memory": "4GB", "walltime": "24:00:00"}  # assumed: a run takes 0.2 to 1 GB
DEATH_SECONDS = 60  # assumed: until a worker ends whose sweep is gone


class SlurmError(UserError):
    """Slurm is not there, or does not take the job."""


def slurm_cluster(words: Mapping[str, Any]) -> Any:
    """Start a scheduler in this process and ask Slurm for jobs of workers. Raises `SlurmError`."""
    if shutil.which("sbatch") is None:
        raise SlurmError("a cluster of Slurm needs the command sbatch, which is not on the PATH")
    try:
        from dask_jobqueue import SLURMCluster
    except ModuleNotFoundError:
        raise SlurmError("a cluster of Slurm needs dask-jobqueue: pip install 'tandemsim[cluster]'") from None
    try:
        cluster = SLURMCluster(**cluster_options(words))
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        raise SlurmError(f"a cluster of Slurm cannot start: {error}") from None
    jobs = words.get("jobs", DEFAULT_JOBS)
    cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # unlike scale(), it replaces jobs that have ended
    return cluster


def cluster_options(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of SLURMCluster: a worker with one thread for each core of a job."""
    options = {**DEFAULTS, **{key: value for key, value in words.items() if key != "jobs"}}
    return {
        **options,
        "processes": options["cores"],
        "job_name": "tandem-sweep",
        "python": shlex.quote(sys.executable),
        "death_timeout": DEATH_SECONDS,
        "scheduler_options": {"dashboard": False},  # or it would look for a free port, and tell
        "job_script_prologue": [f"export PYTHONPATH={shlex.quote(str(PARENT))}${{PYTHONPATH:+:$PYTHONPATH}}"],
    }
