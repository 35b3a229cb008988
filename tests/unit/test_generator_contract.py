"""What every registered generator must do; a user's file is held to it too."""

import multiprocessing
import pickle

import numpy as np
import pandas as pd
import pytest
from contracts import CATALOGUE

from fovscope.datasets.design import sample_design
from fovscope.datasets.prepare import generate_images, prepare_design, prepare_generated
from fovscope.factors import PREFIX
from fovscope.generators.base import Generator, load_generator
from fovscope.generators.declared import (
    GeneratorError,
    declared_classes,
    declared_factors,
    resolved_options,
)
from fovscope.images.read import read_image, read_mask
from fovscope.images.source import open_images
from fovscope.interpret.features import FEATURES
from fovscope.registry import Catalogue
from fovscope.runtime.provenance import digest_file
from fovscope.study.config import Target

SMALL = {"train_pairs": 20, "iid_train": 10, "iid_test": 10, "pairs_per_factor": 2}
LAB = """
from fovscope.factors import Factor
from fovscope.generators.base import Drawing, Generator
from fovscope.registry import generator
import numpy as np

FACTORS = (
    Factor(name="Level", values=(10, 90, 250)),
    Factor(name="Side", values=("left", "right"), nominal=True),
)


@generator("bars", factors=FACTORS, files=("grain",))
class Bars(Generator):
    '''Grey bars on black, wider than high.

    Parameters
    ----------
    grain : str, optional
        File of the noise.
    '''

    factors = FACTORS

    def __init__(self, *, grain: str | None = None) -> None:
        self.grain = grain

    def render(self, factors, rng):
        image = rng.integers(0, 4, (8, 12, 1), dtype=np.uint8)
        part = np.s_[:, :6] if factors["Side"] == "left" else np.s_[:, 6:]
        image[part] += np.uint8(factors["Level"])
        return Drawing(image)
"""


@pytest.fixture(params=CATALOGUE["generator"])
def entry(request):
    return CATALOGUE.entry("generator", request.param)


@pytest.fixture
def made(entry):
    return load_generator(entry, {})


@pytest.fixture
def lab(tmp_path):
    path = tmp_path / f"{tmp_path.name}.py"  # a module is imported once, by its name
    path.write_text(LAB)
    return path


def typical(factors):
    """A value of each factor, and another one far from it."""
    values, others = {}, {}
    for factor in factors:
        if factor.limits:
            low, high = factor.limits
            values[factor.name], others[factor.name] = (low + high) / 2, low
        else:  # a third apart: half of a period may look the same
            listed = range(factor.size) if isinstance(factor.values, int) else factor.values
            values[factor.name], others[factor.name] = listed[0], listed[max(1, factor.size // 3)]
    return values, others


def drawn(generator, factors, seed=0):
    return generator.render(factors, np.random.default_rng(seed))


def test_it_is_declared_as_it_is(entry, made):
    assert isinstance(made, Generator)
    assert made.factors == declared_factors(entry)
    for factor in made.factors:
        assert set(factor.counterparts) <= set(FEATURES)
    assert set(entry.declared.get("files", ())) <= set(entry.options)
    assert set(entry.declared.get("optional_classes", {})) <= set(entry.options)
    for option in entry.options.values():
        assert option.description


def test_a_drawing_is_8_bit_with_a_mask_of_its_size(made):
    values, _ = typical(made.factors)
    drawing = drawn(made, values)
    assert drawing.image.dtype == np.uint8
    assert drawing.image.ndim == 3
    assert drawing.image.shape[2] in (1, 3)
    if drawing.mask is not None:
        assert drawing.mask.dtype == np.uint8
        assert drawing.mask.shape == drawing.image.shape[:2]
        assert 0 < np.count_nonzero(drawing.mask) < drawing.mask.size


def test_an_image_follows_from_factors_and_seed_whatever_was_rendered_before(entry, made):
    values, others = typical(made.factors)
    image = drawn(made, values).image
    drawn(made, others)
    np.testing.assert_array_equal(drawn(made, values).image, image)
    np.testing.assert_array_equal(drawn(load_generator(entry, {}), values).image, image)


def test_each_factor_changes_each_image_in_which_it_can_be_seen(made):
    """Which these are, `Generator.known` says: not those that are grey of a hue."""
    values, others = typical(made.factors)

    def several(values):
        columns = {PREFIX + name: [value] * 10 for name, value in values.items()}
        return pd.DataFrame({"image_id": [f"{row:06d}" for row in range(10)]} | columns)

    table = several(values)
    images = made.images(table, seed=0)
    for name in values:
        other = several(values | {name: others[name]})
        changed = made.images(other, seed=0)
        known = made.known(table, seed=0)[name] & made.known(other, seed=0)[name]
        assert known.any(), name
        for row in np.flatnonzero(known):
            assert (changed[row] != images[row]).any(), (name, row)


def test_it_serves_as_a_source(entry):
    manifest = prepare_design(entry, {}, seed=1, **SMALL)
    factors = declared_factors(entry)
    for factor in factors:
        column = manifest.table[factor.column]
        if factor.limits:
            assert column.between(*factor.limits).all()
        else:
            listed = range(factor.size) if isinstance(factor.values, int) else factor.values
            assert column.isin(list(listed)).all()
    assert [c for c in manifest.table if c.startswith("factor_")] == [f.column for f in factors]
    options = {"size": 32, "interpolation": "bilinear", "catalogue": CATALOGUE}
    images = open_images(manifest.table, manifest.info, **options)
    assert len(images) == len(manifest.table)
    pairs = np.stack([images[row] for row in range(40)]).reshape(20, 2, 32, 32, 3)
    assert (pairs[:, 0] != pairs[:, 1]).any(axis=(1, 2, 3)).all()
    part = open_images(manifest.table[12:], manifest.info, **options)
    np.testing.assert_array_equal(part[3], images[15])


def test_a_forked_or_pickled_worker_renders_the_same(made):
    table = sample_design(made.factors, seed=0, **SMALL)
    images = made.images(table, seed=0)
    expected = [images[row] for row in (5, 2)]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        forked = pool.map(images.__getitem__, (5, 2))
    copied = pickle.loads(pickle.dumps(images))
    for image, other, copy in zip(expected, forked, (copied[5], copied[2]), strict=True):
        np.testing.assert_array_equal(image, other)
        np.testing.assert_array_equal(image, copy)


def test_it_serves_as_a_target(entry, tmp_path):
    manifest = prepare_generated(
        entry, {}, tmp_path, Target(generator="synthetic_cells"), images=60, seed=2
    )
    table, info = manifest.table, manifest.info
    classes = declared_classes(entry, {})
    assert set(info["classes"]) <= set(classes)
    assert ("label" in table) == bool(classes)
    assert info["factors"] == [factor.to_json() for factor in declared_factors(entry)]
    example = load_generator(entry, {}).make(7, seed=2)
    row = table.set_index("path").loc["images/000007.png"]
    image = read_image(tmp_path / "images/000007.png")
    np.testing.assert_array_equal(image, np.broadcast_to(example.drawing.image, image.shape))
    if example.drawing.mask is not None:
        mask = read_mask(tmp_path / row["mask_path"])
        np.testing.assert_array_equal(mask, example.drawing.mask > 0)
    for name, value in example.factors.items():
        assert row[f"factor_{name}"] == value


# A user's file ------------------------------------------------------------------------------------


def test_a_generator_of_a_plugin_is_a_source_and_a_target(lab, tmp_path):
    catalogue = Catalogue([lab])
    entry = catalogue.entry("generator", "bars")
    manifest = prepare_design(entry, {}, seed=0, **SMALL)
    assert manifest.info["generator"] == {
        "name": "bars",
        "options": {"grain": None},
        "seed": 0,
        "plugin": str(lab),
    }
    images = open_images(
        manifest.table, manifest.info, size=12, interpolation="nearest", catalogue=catalogue
    )
    assert images[0].shape == (12, 12, 3)  # grey and oblong, on a square black canvas
    assert not images[0][:2].any()
    assert images[0][2:10].any()
    rows = generate_images(load_generator(entry, {}), tmp_path, images=5, seed=0)
    assert list(rows) == ["path", "Level", "Side"]


def test_the_digest_of_a_design_follows_what_its_images_depend_on(tmp_path):
    entry = CATALOGUE.entry("generator", "texture_dsprites")

    def digests(options=None, seed=0, **sizes):
        info = prepare_design(entry, options or {}, seed=seed, **SMALL | sizes).info
        return info["images_digest"], info["digest"]

    first = digests()
    assert digests() == first
    for other in (digests({"textures": "procedural"}), digests(seed=1), digests(iid_test=11)):
        assert other[0] != first[0]
        assert other[1] != first[1]
    cells = CATALOGUE.entry("generator", "synthetic_cells")
    plain = prepare_design(cells, {}, seed=0, **SMALL).info["images_digest"]
    given = prepare_design(cells, {"odd_class": False}, seed=0, **SMALL).info["images_digest"]
    assert plain == given  # a default that is written down is no change


def test_files_count_by_their_content_and_not_by_their_path(lab, tmp_path):
    lab.write_text(
        LAB.replace("import numpy as np", "import numpy as np\nfrom pathlib import Path")
        + "\n    def made_of(self):\n        return {'grain': Path(self.grain).read_text()}\n"
    )
    entry = Catalogue([lab]).entry("generator", "bars")

    def digest(name):
        return prepare_design(entry, {"grain": str(name)}, seed=0, **SMALL).info["images_digest"]

    (tmp_path / "a.txt").write_text("fine")
    (tmp_path / "b.txt").write_text("fine")
    first = digest(tmp_path / "a.txt")
    assert digest(tmp_path / "b.txt") == first
    (tmp_path / "a.txt").write_text("coarse")
    assert digest(tmp_path / "a.txt") != first


def test_a_file_of_unknown_content_is_refused(lab, tmp_path):
    entry = Catalogue([lab]).entry("generator", "bars")
    (tmp_path / "noise.txt").write_text("fine")
    with pytest.raises(GeneratorError, match=r"Bars\.made_of needs an entry 'grain'"):
        prepare_design(entry, {"grain": str(tmp_path / "noise.txt")}, seed=0, **SMALL)


def test_classes_depend_on_the_options():
    cells = CATALOGUE.entry("generator", "synthetic_cells")
    assert declared_classes(cells, {}) == ("blast", "spindle", "granulocyte", "squamous")
    assert declared_classes(cells, {"odd_class": True})[-1] == "odd"
    assert declared_classes(CATALOGUE.entry("generator", "texture_dsprites"), {}) == ()
    with pytest.raises(GeneratorError, match="'synthetic_cells' 'odd_clas'; did you mean"):
        resolved_options(cells, {"odd_clas": True})


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('values=("left", "right"), ', "", "'Side' needs either values"),
        ('"left", "right"), nominal', '"left",), nominal', "'Side' needs either values"),
        ('name="Side"', 'name="Level"', "a factor is called 'Level'"),
        ('name="Side"', 'name="left,right"', "a factor is called 'left,right'"),
        ("factors=FACTORS, files", "files", "declares no factors"),
        ("    factors = FACTORS\n", "", "class Bars needs the factors"),
        ("grain: str | None = None", "grain: str", "needs the option 'grain'"),
    ],
)
def test_a_generator_that_cannot_be_used_is_named(lab, before, after, message):
    assert before in LAB
    lab.write_text(LAB.replace(before, after))
    with pytest.raises(GeneratorError, match=message):
        load_generator(Catalogue([lab]).entry("generator", "bars"), {})


def test_published_sprites_change_the_digest(tmp_path):
    """Only that the archive is digested: what it holds is for test_texture_dsprites."""
    (tmp_path / "a.npz").write_bytes(b"sprites")
    entry = CATALOGUE.entry("generator", "texture_dsprites")
    info = prepare_design(entry, {"sprites": str(tmp_path / "a.npz")}, seed=0, **SMALL).info
    assert info["made_of"]["sprites"] == digest_file(tmp_path / "a.npz")
