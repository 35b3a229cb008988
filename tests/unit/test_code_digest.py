"""What makes a job stale: an edit of a definition that it uses, and nothing else."""

import ast
import json
import os
import subprocess
import sys
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from fovscope.registry import Catalogue, Entry
from fovscope.runtime.code_digest import CodeDigests
from fovscope.runtime.syntax import CodeError

SCRIPTS = Path(__file__).parents[2] / "scripts"

FILES = {
    "job.py": "from fovscope.one import f\n\nprint(f())\n",
    "fovscope/__init__.py": '__version__ = "1"\n',
    "fovscope/one.py": "def f():\n    from fovscope.package import two\n    return two.g(1)\n",
    "fovscope/package/__init__.py": "",
    "fovscope/package/two.py": "from . import three\n\ndef g(x):\n    return three.C + x\n",
    "fovscope/package/three.py": "from ..four import C\n",
    "fovscope/four.py": "import os, fovscope.study.config\nC = 1\n",
    "fovscope/study/config.py": "import fovscope.unused\nD = 1\n",
    "fovscope/unused.py": "E = 1\n",
}
USED = {"job.py", "fovscope/one.py", "fovscope/package/two.py", "fovscope/four.py"}
ONE, FOUR = "fovscope/one.py", "fovscope/four.py"


@pytest.fixture
def scripts(tmp_path):
    """A function that writes files and returns their folder, each time a new one."""
    number = count()

    def write(changes=None):
        folder = tmp_path / str(next(number))
        for name, text in (FILES | (changes or {})).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    return write


@pytest.fixture
def digests(scripts):
    """A function that returns the digests of ``job``, with some files changed."""
    return lambda changes=None: CodeDigests(scripts(changes)).of("job")


@pytest.fixture
def changed(digests):
    """A function that tells in which files the digests of two versions differ."""

    def compare(before, after):
        old, new = digests(before), digests(after)
        return {file for file in old.keys() | new.keys() if old.get(file) != new.get(file)}

    return compare


def four(text, used="C"):
    """A job that uses one name of a module with this text."""
    return {ONE: f"from fovscope.four import {used} as f\n", FOUR: text}


# Which files ---------------------------------------------------------------------------------


def test_uses_are_followed_at_any_depth_to_the_files_that_define_something(digests):
    assert set(digests()) == USED


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("job.py", FILES["job.py"] + "x = 2\n"),
        (ONE, FILES[ONE].replace("g(1)", "g(2)")),
        ("fovscope/package/two.py", FILES["fovscope/package/two.py"].replace("+", "-")),
        (FOUR, FILES[FOUR].replace("C = 1", "C = 2")),
    ],
)
def test_an_edit_of_what_is_used_changes_the_digest_of_its_file_only(changed, name, text):
    assert changed({}, {name: text}) == {name}


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"job.py"}))
def test_what_nobody_uses_does_not_count(changed, name):
    more = "\nimport fovscope.unused\n\ndef unused():\n    return fovscope.unused.E\n\nU = unused\n"
    assert changed({}, {name: FILES[name] + more}) == set()


def test_values_of_the_study_and_logging_do_not_count(changed):
    logs = {"fovscope/runtime/__init__.py": "", "fovscope/runtime/job.py": "def logged(): ...\n"}
    uses = {
        ONE: "from fovscope.runtime import job\nfrom fovscope.study.config import D\n"
        "import fovscope.study.config\n\n"
        "def f():\n    return job.logged(), D, fovscope.study.config.D\n"
    }
    after = {
        "fovscope/study/config.py": "D = 2\n",
        "fovscope/runtime/job.py": "def logged():\n    return 1\n",
    }
    assert changed(logs | uses, logs | uses | after) == set()


def test_each_call_has_the_digests_of_its_own_script(scripts):
    folder = scripts({"other.py": "from fovscope.unused import E\n"})
    digests = CodeDigests(folder)
    assert set(digests.of("job")) == USED
    assert set(digests.of("other")) == {"other.py", "fovscope/unused.py"}
    assert digests.of("job") == CodeDigests(folder).of("job")


# Uses ----------------------------------------------------------------------------------------

PACKAGE = {
    "fovscope/package/__init__.py": "from fovscope.package.two import g as h\n",
    "fovscope/package/two.py": "def g():\n    return 1\n\ndef other():\n    return 1\n",
}


@pytest.mark.parametrize(
    "job",
    [
        "from fovscope.package.two import g\ng()\n",
        "from fovscope.package.two import g as x\nx()\n",
        "from fovscope.package import h\nh()\n",
        "from fovscope import package\npackage.h()\n",
        "from fovscope.package import two\ntwo.g()\n",
        "import fovscope.package.two\nfovscope.package.two.g()\n",
        "import fovscope.package.two as x\nx.g()\n",
        "def main():\n    import fovscope.package.two\n    fovscope.package.two.g()\n",
        "def main():\n    from fovscope.package import h\n    return lambda: h()\n",
        "try:\n    from fovscope.package import h\nexcept ImportError:\n    h = None\nh()\n",
        "from fovscope.package.two import *\ng()\n",
        "if True:\n    from fovscope.package import h\nh()\n",
        "class A:\n    from fovscope.package.two import g\n",
    ],
)
def test_a_use_leads_to_the_definition_by_whatever_import(changed, job):
    before = PACKAGE | {"job.py": job}
    used = before | {"fovscope/package/two.py": PACKAGE["fovscope/package/two.py"] + "# end\n"}
    assert changed(before, used) == set()
    for body, files in (("g", {"fovscope/package/two.py"}), ("other", set())):
        text = PACKAGE["fovscope/package/two.py"].replace(
            f"{body}():\n    return 1", f"{body}():\n    return 2"
        )
        if "*" not in job or body == "g":
            assert changed(before, before | {"fovscope/package/two.py": text}) == files


@pytest.mark.parametrize(
    "use",
    [
        "f = getattr(two, name)",
        "f = run(two)",
        "f = two.missing",
        "f = {'two': two}",
    ],
)
def test_a_module_that_is_passed_on_counts_as_a_whole(changed, use):
    before = {
        ONE: f"from fovscope.package import two\n{use}\n",
        "fovscope/package/two.py": "from fovscope.four import C\n\ndef g():\n    return 1\n",
    }
    after = before | {"fovscope/package/two.py": before["fovscope/package/two.py"] + "x = 1\n"}
    assert changed(before, after) == {"fovscope/package/two.py"}
    assert changed(before, before | {FOUR: "C = 2\n"}) == {FOUR}


@pytest.mark.parametrize(
    "user",
    [
        "def C():\n    return helper()",
        "def C(x=helper): ...",
        "def C(*, x=helper): ...",
        "C = lambda x=helper: x",
        "C = {'a': helper}",
        "C = [helper(x) for x in range(3)]",
        "C = [x for x in range(3) if helper]",
        "C = f'{helper}'",
        "C, D = helper, 1",
        "C: int = helper",
        "C = 1\nC += helper",
        "class C(helper): ...",
        "class C(metaclass=helper): ...",
        "class C:\n    def method(self):\n        return helper",
        "class C:\n    field: helper",
        "class C:\n    field: 'list[helper]'",
        "@helper\ndef C(): ...",
        "@cache(helper)\ndef C(): ...",
        "def C(helper_=1):\n    def inner():\n        return helper\n    return inner",
        "def C():\n    global helper\n    helper = 1",
        "def C():\n    return {helper for helper in helper}",
        "def C():\n    [helper for helper in range(3)]\n    return helper",
        "def C(x):\n    match x:\n        case helper(): ...",
        "def C(table):\n    return table.query('x > @helper')",
        "def C():\n    return globals()['helper']",
        "try:\n    C = helper\nexcept NameError:\n    C = None",
        "@cache\ndef D():\n    return helper\n\nC = D",
        "C = D = helper",
        "C = (D := helper)",
    ],
)
def test_whatever_way_a_definition_is_used_it_counts(changed, user):
    before, after = (
        four(f"from functools import cache\ndef helper():\n    return {value}\n\n{user}\n")
        for value in (1, 2)
    )
    assert changed(before, after) == {FOUR}


@pytest.mark.parametrize(
    "user",
    [
        "def C(helper):\n    return helper",
        "def C():\n    helper = 1\n    return helper",
        "def C():\n    import helper\n    return helper.x",
        "def C():\n    for helper in range(3):\n        print(helper)",
        "def C():\n    try: ...\n    except ValueError as helper:\n        print(helper)",
        "def C():\n    helper = 1\n    def inner():\n        return helper\n    return inner",
        "C = [helper for helper in range(3)]",
        "C = lambda helper: helper",
        "def C(x):\n    return x.helper",
        "def C(x):\n    return x(helper=1)",
        "def C(x: helper) -> helper:\n    y: helper = 1\n    return y",
        "C: helper = 1",
        "class C:\n    def method(self, x: helper):\n        y: helper = x",
        "class C:\n    def method(self):\n        helper = 1\n        return helper",
        "def C():\n    helper = 1\n    def inner():\n        nonlocal helper\n        helper = 2",
    ],
)
def test_a_name_of_something_else_is_no_use(changed, user):
    before, after = (four(f"def helper():\n    return {value}\n\n{user}\n") for value in (1, 2))
    assert changed(before, after) == set()


@pytest.mark.parametrize(
    ("definition", "other"),
    [
        (
            "try:\n    import json as C\nexcept ImportError:\n    C = None",
            "None",
        ),
        ("C = 1", "1"),
    ],
)
def test_another_value_of_a_name_counts(changed, definition, other):
    text = definition.replace(other, "2")
    assert changed(four(definition + "\n"), four(text + "\n")) == {FOUR}


def test_another_library_counts(changed):
    text = "from {} import dumps\n\ndef C():\n    return dumps(1)\n"
    assert changed(four(text.format("json")), four(text.format("pickle"))) == {FOUR}


def test_another_definition_behind_a_re_export_counts(changed):
    job = {"job.py": "from fovscope.package import h\nh()\n"}
    text = PACKAGE["fovscope/package/__init__.py"].replace("import g", "import other")
    after = PACKAGE | {"fovscope/package/__init__.py": text}
    assert changed(PACKAGE | job, after | job) == {"job.py", "fovscope/package/two.py"}


def test_modules_that_import_each_other_end(digests):
    files = {
        ONE: "from fovscope.four import C, f\n",
        FOUR: "from fovscope.one import f, C\n",
    }
    assert "job.py" in digests(files)


# What runs when a module is imported ---------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "print({})",
        "for x in range({}): print(x)",
        "X = {{}}\nX['a'] = {}",
        "if C: print({})",
        "with open('x'): print({})",
        "import os\nos.environ['a'] = '{}'",
        "sys.flags += {}",
        "del globals()['{}']",
    ],
)
def test_what_runs_at_import_counts_for_all_who_use_the_module(changed, statement):
    before, after = (four(f"C = 1\n{statement.format(x)}\n") for x in (1, 2))
    assert changed(before, after) == {FOUR}


@pytest.mark.parametrize("file", ["fovscope/__init__.py", "fovscope/package/__init__.py"])
def test_what_packages_on_the_way_run_counts(changed, file):
    assert changed({}, {file: "print('hello')\n"}) == {file}


def test_what_an_import_runs_counts_though_nothing_of_it_is_used(changed):
    before = {ONE: FILES[ONE] + "\nfrom fovscope.unused import E\n"}
    assert changed(before, before | {"fovscope/unused.py": "E = 2\n"}) == set()
    after = before | {"fovscope/unused.py": "E = 1\nprint(1)\n"}
    assert changed(before, after) == {"fovscope/unused.py"}


def test_a_library_that_is_imported_for_its_effect_counts(changed):
    assert changed(four("C = 1\n"), four("import hdf5plugin\nC = 1\n")) == {FOUR}
    assert changed(four("C = 1\n"), four("import os\nC = 1\nd = os.sep\n")) == set()


@pytest.mark.parametrize("decorator", ["keep", "KNOWN.append", "keep(1)", "pd.register_x('a')"])
def test_what_a_decorator_may_keep_counts_though_nobody_names_it(changed, decorator):
    before, after = (
        four(
            "import pandas as pd\nKNOWN = []\n\ndef keep(f):\n    KNOWN.append(f)\n\n"
            f"@{decorator}\ndef kept():\n    return {value}\n\ndef C():\n    return KNOWN\n"
        )
        for value in (1, 2)
    )
    assert changed(before, after) == {FOUR}


# What of a definition counts -----------------------------------------------------------------

LONG = '''
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fovscope.unused import E

def _helper(x: float) -> float:
    """Return twice."""
    return _twice(x) + math.pi

def _twice(x):
    y: int = 2
    return x * y  # two

def C(x, *, y: "int" = 3):
    return [_helper(z) for z in x]
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_helper", "_other"),
        ("_twice", "_double"),
        ("x: float", "x: int"),
        ("x: float", "x"),
        (" -> float", ""),
        ("y: int = 2", "y = 2"),
        ("y: int = 2", "y: float\n    y = 2"),
        (' y: "int" = 3', "y=3"),
        ("def _twice(x)", "def _twice(x: int) -> int"),
        ("Return twice.", "Return 2 x."),
        ("  # two", ""),
        ("from fovscope.unused import E", "from fovscope.unused import F"),
        ("[_helper(z) for z in x]", "[\n        _helper(z)\n        for z in x\n    ]"),
        ("import math\n", "import math as m\n"),
    ],
)
def test_names_of_helpers_types_comments_and_formatting_do_not_count(changed, old, new):
    text = LONG.replace(old, new)
    if "as m" in new:
        text = text.replace("math.pi", "m.pi")
    assert text != LONG
    assert changed(four(LONG), four(text)) == set()


def test_the_name_of_a_private_variable_does_not_count(changed):
    text = "_x, _y = 0, 1\n\ndef C():\n    global _x\n    _x = _x + _y\n    return _x\n"
    assert changed(four(text), four(text.replace("_x", "_z"))) == set()
    swapped = text.replace("_x, _y", "_y, _x")
    assert changed(four(text), four(swapped)) == {FOUR}


def test_the_order_of_definitions_does_not_count(changed):
    parts = LONG.split("\ndef ")
    moved = parts[0] + "".join(f"\n\ndef {part}" for part in reversed(parts[1:]))
    assert changed(four(LONG), four(moved)) == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x * y", "x + y"),
        ("= 2", "= 2.0"),
        ("math.pi", "math.e"),
        ('y: "int" = 3', 'y: "int" = 4'),
        ("def C(x, *, y", "def C(x, y"),
        ("_helper(z) for", "_twice(z) for"),
        ("import math", "import cmath as math"),
    ],
)
def test_another_computation_counts(changed, old, new):
    assert old in LONG
    assert changed(four(LONG), four(LONG.replace(old, new))) == {FOUR}


def test_helpers_that_swap_their_names_count(changed):
    text = (
        "def _a():\n    return 1\n\ndef _b():\n    return 2\n\ndef C():\n    return _a() - _b()\n"
    )
    swapped = text.replace("return 1", "return 3").replace("return 2", "return 1")
    assert changed(four(text), four(swapped.replace("return 3", "return 2"))) == {FOUR}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("class C:\n    x: int = 1\n", "class C:\n    x: float = 1\n"),
        ("class C:\n    x: int\n", "class C: ...\n"),
        (
            "@f.register\ndef C(x: int): ...\n",
            "@f.register\ndef C(x: str): ...\n",
        ),
    ],
)
def test_types_that_are_read_count(changed, before, after):
    assert changed(four(before), four(after)) == {FOUR}


def test_the_number_of_a_release_does_not_count(changed):
    uses = {ONE: "import fovscope\nf = fovscope.__version__\n"}
    assert changed(uses, uses | {"fovscope/__init__.py": '__version__ = "2"\n'}) == set()


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1.0"), ("1", "True"), ("'1'", "1"), ("()", "[]"), ("0.0", "-0.0")]
)
def test_equal_values_of_other_types_are_other_code(changed, one, other):
    assert changed(four(f"C = {one}"), four(f"C = {other}")) == {FOUR}


DECLARED = (
    "from fovscope.registry import figure, metric\n\n"
    '@{kind}("c", order={order}, section="{section}", caption="{caption}", fast={fast})\n'
    "def C(): ...\n"
)
AS_IS = {"kind": "metric", "order": 1, "section": "a", "caption": "a", "fast": "{}"}


@pytest.mark.parametrize(
    ("kind", "change", "counts"),
    [
        ("metric", {"order": 2}, False),
        ("metric", {"section": "b"}, False),
        ("metric", {"caption": "b"}, True),
        ("metric", {"fast": "{'a': 1}"}, False),  # arrives as options of the panel
        ("figure", {"caption": "b"}, False),
        ("figure", {"order": 2, "section": "b"}, False),
        ("figure", {"fast": "{'a': 1}"}, True),
    ],
)
def test_how_an_entry_is_placed_does_not_count(changed, kind, change, counts):
    before = DECLARED.format(**AS_IS | {"kind": kind})
    after = DECLARED.format(**AS_IS | {"kind": kind} | change)
    assert changed(four(before), four(after)) == ({FOUR} if counts else set())


# Recursion -----------------------------------------------------------------------------------

EVEN = """
def C(n):
    return n == 0 or _odd(n - 1)

def _odd(n):
    return n != 0 and _even(n - 1)

def _even(n):
    return C(n) if n > _LIMIT else _even(n)

_LIMIT = 9
"""


def test_functions_that_call_each_other_have_digests_that_see_all_of_them(changed):
    for old, new in (("n != 0", "n != 1"), ("_LIMIT = 9", "_LIMIT = 8"), ("_even(n)\n", "0\n")):
        assert changed(four(EVEN), four(EVEN.replace(old, new))) == {FOUR}
    renamed = EVEN.replace("_even", "_zz").replace("_odd", "_aa")
    assert changed(four(EVEN), four(renamed)) == set()


def test_in_a_cycle_too_it_counts_which_helper_is_called(changed):
    calls = EVEN.replace("_odd(n - 1)", "_odd(n - 1) or _even(n - 2)")
    swapped = EVEN.replace("_odd(n - 1)", "_even(n - 1) or _odd(n - 2)")
    assert changed(four(calls), four(swapped)) == {FOUR}


def test_it_does_not_matter_where_a_cycle_is_entered(scripts):
    """The digest of a definition is the same whichever of the cycle was asked for first."""
    folder = scripts(four(EVEN) | {"other.py": "from fovscope.four import _even\n"})
    first, then = CodeDigests(folder), CodeDigests(folder)
    assert (first.of("job"), first.of("other")) == (then.of("other"), then.of("job"))[::-1]


def test_digests_are_the_same_in_each_process(scripts):
    folder = scripts(four(EVEN))
    command = (
        "import json, sys; from pathlib import Path\n"
        "from fovscope.runtime.code_digest import CodeDigests\n"
        f"tiny, real = CodeDigests(Path({str(folder)!r})), CodeDigests(Path({str(SCRIPTS)!r}))\n"
        "print(json.dumps([tiny.of('job'), real.of('evaluate'), real.of('report')]))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", command],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(SCRIPTS)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "17")
    }
    assert len(seen) == 1
    assert json.loads(seen.pop())[0] == CodeDigests(folder).of("job")


# What is loaded by name ----------------------------------------------------------------------

LAB = """
import helper
from fovscope.registry import metric
from fovscope.four import C

def _shared():
    return 1

@metric("a")
def first():
    return _shared(), C

@metric("b")
def second():
    return helper.h()
"""


@pytest.fixture
def loaded(tmp_path, monkeypatch, scripts):
    """A function that returns the digests of a job that loads metrics of a plug-in."""

    def of(names, lab=LAB, helper="def h():\n    return 1\n", plugin="lab.py"):
        root = scripts({"job.py": "print(1)\n"})
        work = root / "work" / "inner"
        work.mkdir(parents=True)
        monkeypatch.chdir(work)
        file = Path(plugin.format(work=work))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(lab)
        file.with_name("helper.py").write_text(helper)
        catalogue = Catalogue([file])
        entries = [catalogue.entry("metric", name) for name in names]
        return CodeDigests(root).of("job", entries)

    return of


def test_an_entry_counts_as_if_the_script_used_it(loaded):
    assert set(loaded([])) == {"job.py"}
    assert set(loaded("a")) == {"job.py", "fovscope/four.py", "./lab.py"}
    assert set(loaded("b")) == {"job.py", "./helper.py", "./lab.py"}
    assert loaded("ab") == loaded("ba")


@pytest.mark.parametrize(
    ("old", "new", "stale"),
    [
        ("return 1", "return 2", ["a"]),
        ("_shared(), C", "C", ["a"]),
        ('metric("b")', 'metric("b", needs_pairs=True)', ["b"]),
        ("return helper.h()", "return helper.h() + 1", ["b"]),
    ],
)
def test_an_edit_of_one_entry_of_a_file_leaves_the_others(loaded, old, new, stale):
    assert [name for name in "ab" if loaded(name) != loaded(name, LAB.replace(old, new))] == stale


def test_what_a_plug_in_imports_from_its_folder_counts(loaded):
    edited = "def h():\n    return 2\n"
    before, after = loaded("ab"), loaded("ab", helper=edited)
    assert {file for file in before if before[file] != after[file]} == {"./helper.py"}


@pytest.mark.parametrize(
    ("plugin", "key"),
    [
        ("lab.py", "./lab.py"),
        ("./lab.py", "./lab.py"),
        ("../lab.py", "../lab.py"),
        ("plugins/lab.py", "./plugins/lab.py"),
        ("{work}/lab.py", "{work}/lab.py"),
    ],
)
def test_plug_ins_stand_there_as_the_configuration_names_them(loaded, plugin, key):
    found = loaded("ab", plugin=plugin)
    key = key.format(work=Path.cwd())
    assert {file for file in found if file.startswith((".", "/"))} == {
        key,
        key.replace("lab.py", "helper.py"),
    }
    assert all(Path(file).is_file() for file in found if file.startswith((".", "/")))


def test_a_built_in_entry_stands_there_as_a_file_of_the_package(scripts):
    folder = scripts({"job.py": "print(1)\n"})
    entry = Entry("metric", "g", folder / "fovscope/package/two.py", "g", {}, {}, "", "fovscope")
    found = CodeDigests(folder).of("job", [entry])
    assert set(found) == {"job.py", "fovscope/four.py", "fovscope/package/two.py"}


@pytest.mark.parametrize("name", ["job.py", FOUR])
def test_a_file_that_does_not_parse_is_named(digests, name):
    with pytest.raises(CodeError, match=rf"{name}, line 2: .*def"):
        digests({name: "\ndef (:\n"})


# The project ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_project():
    return CodeDigests(SCRIPTS)


@cache
def nodes_of(path):
    return list(ast.walk(ast.parse(path.read_bytes())))


def imported_files(script):
    """All files that a script imports at any depth, whatever it uses of them."""
    found, queue = set(), [SCRIPTS / f"{script}.py"]
    while queue:
        path = queue.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        for node in nodes_of(path):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, "the project imports by full name"
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in (name.split(".") for name in names if name.startswith("fovscope")):
                for stop in range(1, len(name) + 1):
                    place = SCRIPTS.joinpath(*name[:stop])
                    queue += [place / "__init__.py", place.with_suffix(".py")]
    return {path.relative_to(SCRIPTS).as_posix() for path in found}


@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("*.py")))
def test_a_script_of_the_project_counts_with_files_that_it_imports(of_project, script):
    found = of_project.of(script)
    assert f"{script}.py" in found
    assert found.keys() <= imported_files(script)
    assert list(found) == sorted(found)
    assert all(len(digest) == 12 and int(digest, 16) >= 0 for digest in found.values())
    assert not any(file.startswith("fovscope/study") for file in found)


def test_jobs_that_compute_do_not_depend_on_tables_and_figures(of_project):
    for script in ("train_source", "evaluate", "prepare_target"):
        files = of_project.of(script)
        assert not any(file.startswith(("fovscope/figures", "fovscope/tables")) for file in files)
