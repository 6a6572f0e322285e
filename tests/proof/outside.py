"""Outside tools, each in an environment of its own: they are run, never imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def installed(folder: Path, tool: str, *requirements: str) -> Path:
    """The program of a tool that is installed below `folder`; skips, saying what failed, where it cannot be."""
    program = folder / "bin" / tool
    steps = [
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
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
