"""Install groups of dependencies into .venv, once: ``python3 tools/environment.py core test``.

The groups are those of pyproject.toml: ``core`` is ``project.dependencies``, the others are the extras.
Versions come from constraints.txt. A stamp in the environment holds a digest of both, so the second call
installs nothing and needs no network. ``VENV`` names another folder; uv is used when it is there.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)


class InstallError(Exception):
    """What went wrong, and what to do, in one line."""


def main(groups: list[str]) -> int:
    venv = Path(os.environ.get("VENV") or ROOT / ".venv").absolute()
    try:
        check_version(sys.version_info[:3])
        # Two targets of one `make -j` take turns.
        with Path(__file__).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            prepare(venv, groups)
    except InstallError as error:
        print(f"tandemsim: {error}", file=sys.stderr)
        return 2
    return 0


def check_version(version: tuple[int, ...]) -> None:
    if version < OLDEST:
        found = ".".join(map(str, version[:3]))
        raise InstallError(f"Python must be 3.11 or newer, not {found}; name one: make PYTHON=python3.12 ...")


def prepare(venv: Path, groups: list[str]) -> None:
    """Make `venv` if it does not run, then install those of `groups` whose stamp is missing or old."""
    if not runs(venv):
        create(venv)
    constraints = CONSTRAINTS.read_text()
    for group in groups:
        packages = requirements(group)
        stamp = venv / f".tandemsim-{group}"
        digest = hashlib.sha256("\n".join([*packages, constraints]).encode()).hexdigest()
        if stamp.is_file() and stamp.read_text() == digest:
            continue
        versions = pins(constraints)
        named = " ".join(f"{name_of(p)}=={versions[name_of(p)]}" for p in packages)
        print(f"Installing {group} dependencies into {shown(venv)}: {named}", flush=True)
        install(venv, packages)
        stamp.write_text(digest)
    add_checkout(venv)


def add_checkout(venv: Path) -> None:
    """Let `venv` import `tandemsim` from this checkout, and give it the command ``tandem``.

    Only dependencies are installed. The checkout comes last on the path, so nothing in it hides a package.
    """
    for packages in venv.glob("lib/python3.*/site-packages"):
        (packages / "tandemsim-checkout.pth").write_text(f"{ROOT}\n")
    command = venv / "bin" / "tandem"
    lines = [f"#!{venv / 'bin' / 'python'}", "import sys", f"sys.path.insert(0, {str(ROOT)!r})"]
    text = "\n".join([*lines, "from tandemsim.sim.__main__ import program", "program()", ""])
    if not command.is_file() or command.read_text() != text:
        command.write_text(text)
        command.chmod(0o755)


def requirements(group: str) -> list[str]:
    """Return the requirements of `group`: ``core``, or an extra of pyproject.toml."""
    import tomllib  # since 3.11, which main() has made sure of

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"core": project["dependencies"], **project["optional-dependencies"]}
    if group not in groups:
        raise InstallError(f"unknown group of dependencies {group!r}; known: {', '.join(groups)}")
    found: list[str] = groups[group]
    return found


def pins(constraints: str) -> dict[str, str]:
    """Return name -> version of every line ``name==version``."""
    lines = (line.partition("#")[0].strip().partition("==") for line in constraints.splitlines())
    return {name: version for name, equals, version in lines if equals}


def name_of(requirement: str) -> str:
    """Return the bare name: ``numpy`` of ``numpy>=2.0``."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def runs(venv: Path) -> bool:
    """Whether `venv` holds a Python that starts and is new enough."""
    python = venv / "bin" / "python"
    probe = [str(python), "-c", f"import sys; sys.exit(sys.version_info < {OLDEST})"]
    return python.exists() and subprocess.run(probe, check=False, capture_output=True).returncode == 0


def create(venv: Path) -> None:
    """Make an empty environment at `venv`, replacing what is there."""
    print(f"Making {shown(venv)} with Python {sys.version.split()[0]}", flush=True)
    uv = shutil.which("uv")
    if uv and succeeds([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)]):
        return
    if not succeeds([sys.executable, "-m", "venv", "--clear", str(venv)]):
        raise InstallError(
            f"{sys.executable} cannot make a virtual environment; "
            "install its venv package (Debian, Ubuntu: python3-venv) or uv"
        )


def install(venv: Path, packages: list[str]) -> None:
    """Install `packages` in the pinned versions: by uv, or by pip where uv is missing or fails.

    uv may fail where pip does not, for it does not read pip's settings (mirrors, certificates).
    """
    python = str(venv / "bin" / "python")
    wanted = ["--constraint", str(CONSTRAINTS), *packages]
    uv = shutil.which("uv")
    if uv and succeeds([uv, "pip", "install", "--quiet", "--python", python, *wanted]):
        return
    if not has_pip(python) and not succeeds([python, "-m", "ensurepip", "--default-pip"]):
        raise InstallError(f"{shown(venv)} has no pip; remove that folder and try again")
    pip = [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    if not succeeds([*pip, *wanted]):
        raise InstallError(f"could not install {' '.join(packages)}; the reason stands above")


def has_pip(python: str) -> bool:
    return (
        subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0
    )


def succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode == 0


def shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
