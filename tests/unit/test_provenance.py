import hashlib
import os
from contextlib import suppress
from types import SimpleNamespace

import pytest

from fovscope import FovscopeError
from fovscope.runtime.job import job_key
from fovscope.runtime.provenance import digest_file, digest_json, read_json, replacing, write_json


def test_digests_are_sha256_and_do_not_depend_on_the_order_of_keys(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert digest_file(tmp_path / "f") == hashlib.sha256(b"abc").hexdigest()
    assert digest_json({"a": 1, "b": [2]}) == digest_json({"b": [2], "a": 1})
    assert digest_json({"a": 1}) != digest_json({"a": 1.5})


def test_unfinished_work_is_continued_only_by_a_job_that_would_give_the_same(tmp_path, monkeypatch):
    path = tmp_path / "input"
    path.write_text("a")

    def key(**changes):
        job = {
            "input": [str(path)],
            "params": {"options": {"steps": 3}, "code": {"a.py": "1"}},
            "wildcards": {"seed": "0"},
            "threads": 1,
            "resources": {"mem_mb": 10},
        }
        return job_key(SimpleNamespace(**job | changes))

    first = key()
    os.utime(path, (0, 0))
    assert key(threads=8, resources={"mem_mb": 20}) == first
    other = [
        key(params={"options": {"steps": 4}, "code": {"a.py": "1"}}),
        key(params={"options": {"steps": 3}, "code": {"a.py": "2"}}),
        key(wildcards={"seed": "1"}),
        key(input=[str(path), str(path)]),
    ]
    path.write_text("b")
    other.append(key())
    path.write_text("a")
    monkeypatch.setattr("fovscope.runtime.job.versions", lambda: {"torch": "another"})
    other.append(key())
    assert len({first, *other}) == 1 + len(other)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new/f.json"
    write_json(path, {"a": 1})

    def dies():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        dies()
    assert read_json(path) == {"a": 1}
    assert list(path.parent.iterdir()) == [path]


def test_results_can_be_read_by_colleagues(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "f.json", 1)
    finally:
        os.umask(before)
    assert (tmp_path / "f.json").stat().st_mode & 0o777 == 0o640


def test_no_flipped_byte_of_a_json_object_gives_another_one(tmp_path):
    path, value = tmp_path / "f.json", {"b": [1, 2.5, None], 3: "ä", "sha256": "mine"}
    write_json(path, value)
    data, as_read = path.read_bytes(), {"b": [1, 2.5, None], "3": "ä", "sha256": "mine"}
    assert read_json(path, sealed=True) == as_read
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with suppress(FovscopeError):
            assert read_json(path, sealed=True) == as_read
    path.write_text('{"a": 1}')
    assert read_json(path) == {"a": 1}
    with pytest.raises(FovscopeError, match="run the workflow again"):
        read_json(path, sealed=True)
