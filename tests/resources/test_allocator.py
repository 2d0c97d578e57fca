"""The allocator of training processes, in child processes of this interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resources import allocator
from resources.allocator import MIMALLOC, preloaded_allocator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")
MAPPED = "print('libmimalloc' in open('/proc/self/maps').read())"


def child(environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", MAPPED]
    told = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert not told.stderr  # the loader tells there of what it can't preload
    return told.stdout.strip()


def test_a_child_allocates_with_mimalloc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    assert child({}) == "False"
    assert child(preloaded_allocator()) == "True"


def test_another_preloaded_library_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "libtcmalloc_minimal.so.4")
    assert preloaded_allocator() == {}


def test_without_the_package_nothing_is_preloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(allocator, "MIMALLOC", tmp_path / MIMALLOC.name)
    assert preloaded_allocator() == {}
