"""Commands of Slurm that run a job at once on this machine: as dask-jobqueue calls them, and no more."""

from pathlib import Path

# A job is a copy of its script, which its sender removes at once, in the background; its number is the process's, so that scancel can end it.
SBATCH = """\
#!/bin/bash
script="$(dirname "$0")/script.$$"
cp "$1" "$script"
setsid bash "$script" >>"$(dirname "$0")/jobs.log" 2>&1 </dev/null &
echo "Submitted batch job $!"
"""
SCANCEL = """\
#!/bin/bash
echo "$@" >>"$(dirname "$0")/canceled"
for job in "$@"; do kill -9 -- "-$job"; done
"""


def install(folder: Path) -> Path:
    """Write the commands into a new folder below `folder`, for the PATH."""
    commands = folder / "slurm"
    commands.mkdir()
    for name, text in {"sbatch": SBATCH, "scancel": SCANCEL}.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    return commands
