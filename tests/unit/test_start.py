"""What is said before the first job starts."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fovscope import FovscopeError
from fovscope.runtime import start
from fovscope.runtime.start import check_interpreter, check_writable

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("folder", ["my files", "a\tb", "it's", "R&D", "cost$", "a(1)", "{lab}"])
def test_a_path_that_a_shell_takes_apart_is_refused(folder):
    path = f"/data/{folder}/.venv/bin/python"
    with pytest.raises(FovscopeError, match="move the folder"):
        check_interpreter(path)


@pytest.mark.parametrize("path", [sys.executable, "/home/jürgen/a+b,c=~1@x%/v1.0_#2/python"])
def test_a_path_that_a_shell_takes_as_it_is_may_be_used(path):
    said = subprocess.run(f"printf %s {path}", shell=True, capture_output=True, text=True)
    assert said.stdout == path
    check_interpreter(path)


def test_the_setup_refuses_a_folder_with_blanks(tmp_path):
    folder = tmp_path / "my files"
    folder.mkdir()
    for name in ("Makefile", "scripts", "envs", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    command = ["make", "setup", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode != 0
    assert "there is a blank in its path" in done.stderr
    assert not (folder / ".venv").exists()


@pytest.fixture
def closed(monkeypatch):
    """Let nobody write in some folders; root, who runs many tests, may write everywhere."""
    folders = set()
    monkeypatch.setattr(start.os, "access", lambda path, mode: Path(path) not in folders)
    return folders


def test_the_folder_that_is_closed_is_named(closed, tmp_path):
    (tmp_path / "results/models").mkdir(parents=True)
    (tmp_path / "results/data").mkdir()
    files = [tmp_path / "results/models/a/seed0.pt", tmp_path / "results/data/b.parquet"]
    check_writable(files, otherwise="ask")
    closed.add(tmp_path / "results/models")
    with pytest.raises(FovscopeError, match=r"results/models: .*permission is missing.*or ask"):
        check_writable(files, otherwise="ask")
    check_writable(files[1:], otherwise="ask")


def test_a_read_only_file_system_is_called_so(closed, tmp_path, monkeypatch):
    closed.add(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(FovscopeError, match="file system is read-only"):
        check_writable([tmp_path / "a"], otherwise="ask")
