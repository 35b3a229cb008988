import hashlib
import os

import pytest

from fovscope.provenance import digest_file, digest_json, read_json, replacing, write_json
from fovscope.registry import Registry, unknown_name


def test_digests_are_sha256_and_do_not_depend_on_the_order_of_keys(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert digest_file(tmp_path / "f") == hashlib.sha256(b"abc").hexdigest()
    assert digest_json({"a": 1, "b": [2]}) == digest_json({"b": [2], "a": 1})
    assert digest_json({"a": 1}) != digest_json({"a": 1.5})


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


def test_names():
    registry = Registry("metric")
    registry.register("mig")(min)
    registry.register("omes")(max)
    assert registry["mig"] is min
    assert list(registry) == ["mig", "omes"]
    with pytest.raises(KeyError, match=r"unknown metric 'mgi'; did you mean 'mig'\?"):
        registry["mgi"]
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("mig")(sum)
    assert unknown_name("key", "zzz", ["b", "a"]) == "unknown key 'zzz'; known: a, b"
