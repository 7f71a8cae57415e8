"""The packages of the wheel: `tandemsim`, and inside it the folders at the top of the repository.

All else is in pyproject.toml, which can list packages but not find them under another name.
"""

from setuptools import find_packages, setup

FOLDERS = ("sim", "rtl", "traces", "workloads")

found = find_packages(include=[pattern for folder in FOLDERS for pattern in (folder, f"{folder}.*")])
setup(
    packages=["tandemsim", *(f"tandemsim.{package}" for package in found)],
    package_dir={"tandemsim": "tandemsim", **{f"tandemsim.{folder}": folder for folder in FOLDERS}},
)
