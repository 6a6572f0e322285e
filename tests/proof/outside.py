"""Outside tools, each in an environment of its own: they are run, never imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def python(*version: int) -> str:
    """A Python that is not older; skips where there is none."""
    names = [f"python{version[0]}.{minor}" for minor in range(version[1], version[1] + 4)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    beside = [str(path) for path in sorted(pyenv.glob("*/bin/python3"))]  # its names on the PATH may lead nowhere
    asked = (
        f"import sys; sys.exit(not (sys.version_info[:2] >= {version} and sys.version_info.releaselevel == 'final'))"
    )
    for each in (sys.executable, *filter(None, map(shutil.which, names)), *beside):
        if subprocess.run([each, "-c", asked], capture_output=True).returncode == 0:
            return each
    pytest.skip(f"there is no Python {'.'.join(map(str, version))} or newer here")


def installed(folder: Path, tool: str, *requirements: str, python: str = sys.executable) -> Path:
    """The program of a tool that is installed below `folder`; skips, saying what failed, where it cannot be."""
    program = folder / "bin" / tool
    steps = [
        ["venv", "--quiet", "--python", python, str(folder)],
        ["pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *requirements],
    ]
    for step in steps:
        try:
            done = subprocess.run([sys.executable, "-m", "uv", *step], capture_output=True, text=True, timeout=240)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{requirements[0]} cannot be installed: no answer in four minutes")
        if done.returncode:
            pytest.skip(f"{requirements[0]} cannot be installed: {done.stderr.strip()[-300:]}")
    assert program.is_file()
    return program
