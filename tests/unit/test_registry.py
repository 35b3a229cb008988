"""What exists by name is read from files, without running them."""

import sys

import pytest

from fovscope import registry
from fovscope.factors import Factor
from fovscope.registry import KINDS, REQUIRED, Catalogue, RegistryError, unknown_name
from fovscope.runtime.syntax import parsed

LAB = '''
raise SystemExit("never run")

from fovscope.registry import generator, metric

FACTORS = (
    Factor(name="Size", values=(1, 2, 4), counterparts=("area",)),
    Factor(name="Turn", limits=(0, 180), period=180.0),
)
FAST = {"bins": 5}


@metric("spread", fast={**FAST, "more": True}, ranges={"spread": (0.0, float("inf"))})
def spread(work, *, bins: int = 20, mode: str):
    """Spread of the codes.

    Parameters
    ----------
    bins : int
        How many,
        at least.
    """


@generator("discs", factors=FACTORS)
class Discs:
    """Discs of three sizes."""

    def __init__(self, *, noise: float = 0.5) -> None: ...
'''


@pytest.fixture
def lab(tmp_path):
    path = tmp_path / "lab_of_a_test.py"
    path.write_text(LAB)
    return path


def test_declarations_are_read_and_nothing_is_run(lab):
    catalogue = Catalogue([lab])
    spread = catalogue.entry("metric", "spread")
    assert spread.declared == {
        "fast": {"bins": 5, "more": True},
        "ranges": {"spread": (0.0, float("inf"))},
    }
    assert spread.description == "Spread of the codes."
    assert spread.origin == str(lab)
    assert spread.options["bins"].default == 20
    assert spread.options["bins"].annotation == "int"
    assert spread.options["bins"].description == "How many, at least."
    assert spread.options["mode"].default is REQUIRED
    discs = catalogue.entry("generator", "discs")
    assert discs.declared["factors"] == (
        Factor(name="Size", values=(1, 2, 4), counterparts=("area",)),
        Factor(name="Turn", limits=(0, 180), period=180.0),
    )
    assert list(discs.options) == ["noise"]
    assert "lab_of_a_test" not in sys.modules


def test_an_entry_is_imported_when_it_is_loaded(lab):
    lab.write_text(
        LAB.replace('raise SystemExit("never run")', "from fovscope.factors import Factor")
    )
    assert Catalogue([lab]).load("metric", "spread").__name__ == "spread"
    assert Catalogue([lab]).load("metric", "spread") is Catalogue([lab]).load("metric", "spread")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            'fast={**FAST, "more": True}',
            "fast=dict(a=1)",
            r"line 13: what @metric declares is read",
        ),
        ("values=(1, 2, 4)", "valeus=(1, 2)", r"line 25: .*valeus"),
        ('@metric("spread", ', "@metric(", r"@metric takes a name"),
        ("def spread(work", "def spread(work:", r"line 14: invalid syntax"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_named_with_its_line(lab, before, after, message):
    assert before in LAB
    lab.write_text(LAB.replace(before, after))
    with pytest.raises(ValueError, match=message):
        Catalogue([lab])


def test_two_entries_of_one_name_are_refused(lab, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(LAB)
    with pytest.raises(RegistryError, match=r"the metric 'spread' is there already, in .*lab_of"):
        Catalogue([lab, other])


def test_a_name_of_the_package_is_refused(lab):
    lab.write_text(LAB.replace('"spread", ', '"mig", '))
    with pytest.raises(RegistryError, match=r"the metric 'mig' is there already, in .*mig\.py"):
        Catalogue([lab])


def test_a_catalogue_reads_no_more_than_it_is_asked(lab, monkeypatch):
    files = []
    monkeypatch.setattr(registry, "parsed", lambda file: files.append(file) or parsed(file))
    Catalogue().entry("table", "accuracy")
    assert {file.parent.name for file in files} == {"tables"}
    files.clear()
    Catalogue([lab]).entry("metric", "spread")
    assert {file.parent.name for file in files} == {lab.parent.name, "metrics", "generators"}


def test_an_absent_plugin_is_named(tmp_path):
    with pytest.raises(RegistryError, match=r"there is no file .*nowhere\.py"):
        Catalogue([tmp_path / "nowhere.py"])


def test_a_plugin_cannot_take_the_place_of_another_module(tmp_path):
    path = tmp_path / "json.py"
    path.write_text(LAB)
    with pytest.raises(RegistryError, match="has the name of another module"):
        Catalogue([path]).load("metric", "spread")


def test_near_names_are_proposed(lab):
    with pytest.raises(RegistryError, match=r"unknown metric 'spraed'; did you mean 'spread'\?"):
        Catalogue([lab]).entry("metric", "spraed")
    assert unknown_name("key", "zzz", ["b", "a"]) == "unknown key 'zzz'; known: a, b"
    assert unknown_name("key", "BETA", ["Beta", "a"]) == "unknown key 'BETA'; did you mean 'Beta'?"


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_is_described_and_can_be_loaded(kind):
    """The contract of whatever is registered; a user's file is held to it too."""
    for entry in Catalogue()[kind].values():
        assert entry.file.parent.name == KINDS[kind].room, "found only if this kind is asked first"
        assert entry.description.endswith("."), entry.name
        assert callable(entry.load())
        for name, option in entry.options.items():
            assert option.description, f"{entry.name}: {name}"
