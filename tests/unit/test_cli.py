"""The command line: what it does to whoever it is piped to."""

import os
import subprocess
import sys


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    (tmp_path / "digests").mkdir()
    (tmp_path / "table.csv").write_text("damaged")
    (tmp_path / "digests/table.sha256").write_text(f"{'0' * 64}  table.csv\n")
    command = f"from fovscope.cli import main; main(['verify', '--results', {str(tmp_path)!r}])"
    read_end, write_end = os.pipe()
    os.close(read_end)  # as if `head` had gone
    run = subprocess.run(
        [sys.executable, "-c", command],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write_end)
    assert run.stderr.endswith("1 do not match\n")  # and no traceback after it
