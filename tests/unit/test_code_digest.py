import pytest

from fovscope.runtime.code_digest import CodeDigests

FILES = {
    "job.py": "from fovscope.one import f\n",
    "fovscope/__init__.py": '__version__ = "1"\n',
    "fovscope/one.py": "def f():\n    from fovscope.package import two\n    return two.g(1)\n",
    "fovscope/package/__init__.py": "",
    "fovscope/package/two.py": "from . import three\n\ndef g(x):\n    return three.C + x\n",
    "fovscope/package/three.py": "from ..four import C\n",
    "fovscope/four.py": "import os, fovscope.study.config\nC = 1\n",
    "fovscope/study/config.py": "import fovscope.unused\nD = 1\n",
    "fovscope/unused.py": "E = 1\n",
}
USED = {name for name in FILES if not name.endswith(("config.py", "unused.py"))}


@pytest.fixture
def digests(tmp_path):
    def of(changes=None, **options):
        for name, text in (FILES | (changes or {})).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return CodeDigests(tmp_path).of("job", **options)

    return of


def test_imports_are_followed_at_any_depth_with_the_packages_on_the_way(digests):
    assert set(digests()) == USED


def test_what_a_job_does_not_use_is_left_out_with_its_imports(digests):
    left = digests(without=["fovscope.package.three"])
    assert set(left) == USED - {"fovscope/package/three.py", "fovscope/four.py"}


@pytest.mark.parametrize("name", sorted(USED))
def test_a_statement_changes_the_digest_of_its_module_only(digests, name):
    before, after = digests(), digests({name: FILES[name] + "x = 2\n"})
    assert {file for file in before if before[file] != after[file]} == {name}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fovscope/four.py", "import os, fovscope.study.config\nC = 1  # one\n"),
        (
            "fovscope/four.py",
            '"""Four."""\nimport os, fovscope.study.config\nC = (1)\n"""One."""\n',
        ),
        ("fovscope/package/two.py", "from . import three\ndef g( x ): return three.C+x"),
        (
            "fovscope/package/two.py",
            "from . import three\n\ndef g(x):\n    '''Sum.'''\n    return three.C + x\n",
        ),
        ("fovscope/__init__.py", '__version__ = "2"\n'),
        ("fovscope/study/config.py", "D = 2\n"),
    ],
)
def test_comments_docstrings_formatting_and_releases_do_not_count(digests, name, text):
    assert digests({name: text}) == digests()


@pytest.mark.parametrize(
    "body", ["return three.C - x", "return three.C + x + 0", "return three.C + 1.0", "return x"]
)
def test_other_expressions_are_other_code(digests, body):
    changed = {"fovscope/package/two.py": f"from . import three\n\ndef g(x):\n    {body}\n"}
    assert digests(changed) != digests()


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1.0"), ("1", "True"), ("'1'", "1"), ("()", "[]")]
)
def test_equal_values_of_other_types_are_other_code(digests, one, other):
    assert digests({"fovscope/four.py": f"C = {one}"}) != digests(
        {"fovscope/four.py": f"C = {other}"}
    )
