"""Data sets by name: downloads over bad lines, archives that mean harm, layouts of the papers."""

import hashlib
import json
import stat
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
import sites

from fovscope.cli import main
from fovscope.datasets import download as downloads
from fovscope.datasets.download import DownloadError, download, git_sha1
from fovscope.datasets.listing import DataError, find_images
from fovscope.datasets.manifest import build_manifest
from fovscope.datasets.named import DataSet, Place, data_sets
from fovscope.datasets.retrieve import RetrievalError, retrieve
from fovscope.datasets.unpack import Limits, UnpackError, unpack
from fovscope.runtime.provenance import write_json
from fovscope.study.config import load_study
from fovscope.study.expansion import Expansion
from fovscope.study.section import ConfigError

SCRIPTS = Path(__file__).parents[2] / "scripts"
CONTENT = bytes(range(256)) * 40
ROOMY = Limits(files=100, size=1_000_000)
EVERYTHING = {"(.+)": r"\1"}


@pytest.fixture
def site():
    with sites.serving() as site:
        site.files["file"] = CONTENT
        yield site


def fetch(site, tmp_path, **options):
    target = tmp_path / "file"
    download(f"{site.url}/file", target, **{"most": 100_000, "pause": 0.0, **options})
    return target


# Downloads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_broken_transfer_goes_on_where_it_stopped(site, tmp_path, chunked):
    site.stops, site.chunked = [1000, 3000], chunked
    assert fetch(site, tmp_path).read_bytes() == CONTENT
    assert [part for _, part in site.asked] == [None, "bytes=1000-", "bytes=4000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(site, tmp_path):
    site.stops = [2000] + [0] * downloads.ATTEMPTS
    with pytest.raises(DownloadError, match=r"2,000 bytes are kept"):
        fetch(site, tmp_path)
    site.stops, site.asked = [], []
    assert fetch(site, tmp_path).read_bytes() == CONTENT
    assert site.asked == [("file", "bytes=2000-")]


def test_a_download_that_was_whole_when_its_job_was_killed_is_not_had_again(site, tmp_path):
    target = fetch(site, tmp_path)
    target.rename(tmp_path / "file.part")
    (tmp_path / "file.part.json").write_text(json.dumps({"same": site.tag}))
    site.asked.clear()
    assert fetch(site, tmp_path).read_bytes() == CONTENT
    assert site.asked == [("file", f"bytes={len(CONTENT)}-")]


def test_a_server_that_always_ends_early_is_given_up(site, tmp_path):
    site.ranges, site.stops = False, [1000, 10] * downloads.ATTEMPTS
    with pytest.raises(DownloadError, match="bytes are kept"):
        fetch(site, tmp_path)
    assert len(site.asked) == downloads.ATTEMPTS


def test_progress_counts_and_not_the_number_of_breaks(site, tmp_path):
    site.stops = [500] * (2 * downloads.ATTEMPTS)
    assert fetch(site, tmp_path).read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_sends_all_of_it_again(site, tmp_path):
    site.ranges, site.stops = False, [1000]
    assert fetch(site, tmp_path).read_bytes() == CONTENT


def test_parts_of_two_editions_are_not_put_together(site, tmp_path):
    site.stops = [1000] + [0] * downloads.ATTEMPTS
    with pytest.raises(DownloadError):
        fetch(site, tmp_path)
    site.files["file"], site.tag, site.stops = CONTENT[::-1], '"second"', []
    assert fetch(site, tmp_path).read_bytes() == CONTENT[::-1]


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(site, tmp_path):
    site.refusals = [503, 429]
    assert fetch(site, tmp_path).read_bytes() == CONTENT
    del site.files["file"]
    site.asked.clear()
    with pytest.raises(DownloadError, match="404"):
        fetch(site, tmp_path / "other")
    assert len(site.asked) == 1


def test_a_file_that_is_larger_than_it_can_be_is_given_up_before_it_is_had(site, tmp_path):
    with pytest.raises(DownloadError, match="larger than 5,000 bytes"):
        fetch(site, tmp_path, most=5000)
    assert list(tmp_path.iterdir()) == []


def test_a_blob_is_called_as_git_calls_it(tmp_path):
    (tmp_path / "file").write_bytes(b"hello\n")
    # `printf 'hello\n' | git hash-object --stdin`
    assert git_sha1(tmp_path / "file") == "ce013625030ba8dba906f756967f9e9ca394464a"


# Archives -----------------------------------------------------------------------------------


def archive(tmp_path, *files):
    """Write a ZIP archive of names (or `ZipInfo`) and contents."""
    path = tmp_path / "some.zip"
    with ZipFile(path, "w", ZIP_DEFLATED) as opened:
        for name, content in files:
            opened.writestr(name, content)
    return path


def link(name):
    info = ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../outside.png", "outside"),
        ("a/../../outside.png", "outside"),
        ("/outside.png", "outside"),
        ("C:/outside.png", "outside"),
        ("a\\..\\..\\outside.png", "outside"),
        ("a\0.png", "outside"),
        (link("a/inside.png"), "link"),
    ],
    ids=str,
)
def test_an_archive_that_leads_out_of_its_folder_is_refused_as_a_whole(tmp_path, name, says):
    info = name if isinstance(name, ZipInfo) else ZipInfo("placeholder")
    if isinstance(name, str):
        info.filename = info.orig_filename = name
    bad = archive(tmp_path, ("good.png", b"1"), (info, b"/etc/passwd"))
    with pytest.raises(UnpackError, match=says):
        unpack([bad], tmp_path / "deep/files", EVERYTHING, ROOMY)
    assert [path.name for path in tmp_path.rglob("*")] == ["some.zip"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    bomb = archive(tmp_path, ("a.png", bytes(2_000_000)))
    assert bomb.stat().st_size < 5000
    with pytest.raises(UnpackError, match="1 files of 2,000,000 bytes"):
        unpack([bomb], tmp_path / "files", EVERYTHING, ROOMY)
    many = archive(tmp_path, *((f"{i}.png", b"") for i in range(101)))
    with pytest.raises(UnpackError, match="101 files"):
        unpack([many], tmp_path / "files", EVERYTHING, ROOMY)
    assert [path.name for path in tmp_path.iterdir()] == ["some.zip"]


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(tmp_path):
    lying = archive(tmp_path, ("a.png", bytes(2_000_000)))
    size = (2_000_000).to_bytes(4, "little")
    lying.write_bytes(lying.read_bytes().replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(UnpackError, match="damaged"):
        unpack([lying], tmp_path / "files", EVERYTHING, ROOMY)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.png")) == 0


def test_what_is_no_archive_or_another_one_is_named(tmp_path):
    page = tmp_path / "page.zip"
    page.write_text("<html>Please log in")
    with pytest.raises(UnpackError, match=r"page\.zip is no ZIP archive"):
        unpack([page], tmp_path / "files", EVERYTHING, ROOMY)
    other = archive(tmp_path, ("a.png", b"1"))
    with pytest.raises(UnpackError, match=r"another data set.*b/\(\.\+\)"):
        unpack([other], tmp_path / "files", {"b/(.+)": r"\1"}, ROOMY)


def test_files_that_would_have_one_name_are_not_written_over_each_other(tmp_path):
    twice = archive(tmp_path, ("a/1.png", b"1"), ("b/1.PNG", b"2"))
    with pytest.raises(UnpackError, match=r"two files would be 1\.PNG"):
        unpack([twice], tmp_path / "files", {"./(.+)": r"\1"}, ROOMY)


def test_unpacking_goes_on_after_a_kill_and_leaves_nothing_else(tmp_path):
    some = archive(tmp_path, ("a/1.png", b"one"), ("a/2.png", b"two"), ("b/3.png", b"three"))
    part = tmp_path / "files.part"
    for name, content in (("a/1.png", b"one"), ("a/2.png", b"t##"), ("old.png", b"old")):
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).write_bytes(content)
    before = (part / "a/1.png").stat().st_mtime_ns
    left_out = unpack([some], tmp_path / "files", {"(a/.+)": r"\1"}, ROOMY)
    files = tmp_path / "files"
    assert find_images(files).images == ["a/1.png", "a/2.png"]
    assert (files / "a/1.png").stat().st_mtime_ns == before
    assert (files / "a/2.png").read_bytes() == b"two"
    assert left_out == {"b": 1}


# Data sets ----------------------------------------------------------------------------------


def row(site, name, **changes):
    """Return the row of a data set, its download from the site; `changes` of the download too."""
    plain = data_sets()[name].model_dump()
    (one,) = plain["downloads"]
    url = {"url": f"{site.url}/{name}.zip", "git_sha1": "", **changes.pop("download", {})}
    return DataSet.model_validate(plain | {"downloads": [one | url]} | changes)


def had(site, tmp_path, name, **changes):
    site.files[f"{name}.zip"] = getattr(sites, name)()
    place = Place(tmp_path / name)
    return retrieve(name, row(site, name, **changes), place, pause=0), place


def test_each_layout_becomes_folders_of_splits_and_classes(site, tmp_path):
    counts = {name: had(site, tmp_path, name)[0]["counts"] for name in LAYOUTS}
    assert counts["lensless"] == {key: {"test": 5, "train": 10} for key in sorted(sites.LENSLESS)}
    assert counts["whoi15"] == {key: {"all": 14} for key in sorted(sites.WHOI15)}
    assert set(counts["vacuoles"]) == {"condensed", "multiple", "negative", "positive"}
    assert counts["vacuoles"]["positive"] == {"test": 10, "train": 10}
    assert counts["sipakmed"] == {key: {"all": 12} for key in sorted(sites.SIPAKMED)}


LAYOUTS = ("lensless", "whoi15", "vacuoles", "sipakmed")


def test_masks_of_jpeg_are_cut_at_half_and_groups_are_slides_and_days(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tables = {}
    for name in ("lensless", "whoi15", "sipakmed"):
        had(site, tmp_path / "data", name)
        study = load_study({"targets": {name: {"retrieve": name, "mask": name == "lensless"}}})
        target = Expansion(study, SCRIPTS)._target(name)
        tables[name] = build_manifest(type(study.targets[name]).model_validate(target)).table
    assert tables["lensless"]["mask_path"].notna().all()
    assert tables["whoi15"]["group"].nunique() == 7
    assert tables["sipakmed"]["group"].nunique() == 3 * 6
    for name in ("whoi15", "sipakmed"):
        assert (tables[name].groupby("group")["split"].nunique() == 1).all()


def test_every_difference_from_what_is_published_has_a_reason(site, tmp_path):
    facts, _ = had(site, tmp_path, "vacuoles")
    assert facts["differences"] == [
        "images: 80 found, 980 published (papers count between 980 and 998)",
        "train: 40 found, 775 published (40 images of the archive are not used: "
        + ", ".join(f"Dataset/images/train_clustershcf/cluster_{k}: 10" for k in range(3))
        + " and others)",
        "test: 40 found, 205 published (40 images of the archive are not used: "
        + ", ".join(f"Dataset/images/train_clustershcf/cluster_{k}: 10" for k in range(3))
        + " and others)",
    ]
    facts, _ = had(site, tmp_path, "sipakmed")
    assert "classes: without Metaplastic, Superficial-Intermediate" in facts["differences"][-1]
    counts = {"images": 36}
    facts, _ = had(site, tmp_path, "sipakmed", counts=counts, classes=sites.SIPAKMED)
    assert facts["differences"] == []


def test_facts_are_those_of_the_files_and_nothing_else(site, tmp_path):
    first, _ = had(site, tmp_path / "a", "whoi15")
    second, _ = had(site, tmp_path / "b", "whoi15")
    assert first == second
    assert first["licence"]
    assert first["citation"]
    (of,) = first["downloads"]
    assert of["sha256"] == hashlib.sha256(site.files["whoi15.zip"]).hexdigest()


def test_what_is_there_is_not_downloaded_again(site, tmp_path):
    _, place = had(site, tmp_path, "whoi15")
    site.asked.clear()
    first = {path: path.stat().st_ino for path in place.files.rglob("*.png")}
    retrieve("whoi15", row(site, "whoi15"), place)
    assert site.asked == []
    assert {path.name for path in place.files.rglob("*.png")} == {path.name for path in first}


def test_a_page_in_the_place_of_an_archive_is_not_taken_for_its_first_edition(site, tmp_path):
    place, of = Place(tmp_path / "whoi15"), row(site, "whoi15")
    site.files["whoi15.zip"] = b"<html>Please log in"
    with pytest.raises(UnpackError, match=r"whoi15\.zip is no ZIP archive.*delete it"):
        retrieve("whoi15", of, place)
    (place.archives / "whoi15.zip").unlink()
    site.files["whoi15.zip"] = sites.whoi15()
    assert len(retrieve("whoi15", of, place)["classes"]) == 3


@pytest.mark.parametrize("kind", ["sha256", "git_sha1"])
def test_a_wrong_digest_ends_it_before_anything_is_unpacked(site, tmp_path, kind):
    wrong = "0" * (64 if kind == "sha256" else 40)
    with pytest.raises(RetrievalError, match="should be 0000") as error:
        had(site, tmp_path, "whoi15", download={kind: wrong})
    assert "Delete" in str(error.value)
    assert not (tmp_path / "whoi15/files").exists()


def test_where_no_digest_is_published_the_first_file_counts(site, tmp_path):
    _, place = had(site, tmp_path, "whoi15")
    (place.archives / "whoi15.zip").unlink()
    site.files["whoi15.zip"] = sites.whoi15(each=15)
    with pytest.raises(RetrievalError, match=r"first\.json, if it is to be another edition"):
        retrieve("whoi15", row(site, "whoi15"), place)
    place.first.unlink()
    assert retrieve("whoi15", row(site, "whoi15"), place)["counts"]["pennate"] == {"all": 15}


def test_what_cannot_be_downloaded_says_what_to_put_where_and_goes_on_then(tmp_path):
    place, lensless = Place(tmp_path / "lensless"), data_sets()["lensless"]
    with pytest.raises(RetrievalError) as error:
        retrieve("lensless", lensless, place)
    wanted = tmp_path / "lensless/archives/lensless.zip"
    assert f"save it as {wanted}" in str(error.value)
    assert "https://ibm.ent.box.com/v/PlanktonData" in str(error.value)
    wanted.parent.mkdir(parents=True)
    wanted.write_bytes(sites.lensless())
    assert len(retrieve("lensless", lensless, place)["classes"]) == 3


# The table, and a study of it ---------------------------------------------------------------


def test_every_row_says_where_it_is_from_and_what_it_may_be_used_for():
    targets = {name: one for name, one in data_sets().items() if one.is_target}
    study = load_study({"targets": {name: {"retrieve": name} for name in targets}})
    for name, one in targets.items():
        target = study.targets[name]
        assert (target.licence, target.citation) == (one.licence, one.citation)
    published = {target.published for target in study.targets.values()}
    assert published >= {"Lensless", "WHOI15", "Vacuoles", "SIPaKMeD"}


def test_the_list_says_how_each_is_had_and_on_which_terms(capsys):
    assert main(["list", "datasets"]) == 0
    paragraphs = capsys.readouterr().out.strip().split("\n\n")
    assert [text.partition(":")[0] for text in paragraphs] == list(data_sets())
    said = dict(zip(data_sets(), paragraphs, strict=True))
    assert "by hand, from https://ibm.ent.box.com/v/PlanktonData" in said["lensless"]
    assert "downloaded from data.broadinstitute.org (57 files)" in said["bbbc021"]
    assert "CC BY-NC-SA 3.0" in said["bbbc021"]
    assert "CC0 1.0" in said["bbbc021"]


def test_a_table_of_ones_own_adds_rows_and_a_mistake_in_it_is_named(tmp_path):
    table = tmp_path / "mine.yaml"
    mine = data_sets()["whoi15"].model_dump() | {"title": "of our mirror"}
    table.write_text(json.dumps({"whoi15": mine, "ours": mine}))
    found = data_sets([str(table)])
    assert found["whoi15"].title == "of our mirror"
    assert set(found) == {*data_sets(), "ours"}
    for wrong, says in (
        ({"licens": "MIT"}, "did you mean 'licence'"),
        ({"members": {"(": ""}}, "("),
    ):
        bad = tmp_path / f"{len(says)}.yaml"
        bad.write_text(json.dumps({"ours": mine | wrong}))
        with pytest.raises(ConfigError) as error:
            data_sets([str(bad)])
        assert "ours" in str(error.value)
        assert says in str(error.value)


def plan(**targets):
    return Expansion(load_study({"targets": targets}), SCRIPTS)


def depends(jobs, name):
    """Return what jobs of a target are planned by: none of it may change when data come."""
    return [
        *(jobs.missing_paths(), jobs.with_classes, jobs.retrieved, jobs.retrievals(name)),
        *(jobs.preparation(name), jobs.features_task(name, "dino"), jobs.number_of_images(name)),
    ]


def test_a_study_is_planned_before_its_data_are_there_and_stays_as_planned(
    site, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    of = {"sea": {"retrieve": "whoi15"}, "whoi15": {"generator": "synthetic_cells"}}
    jobs = plan(**of)
    before = depends(jobs, "sea")
    assert jobs.missing_paths() == []
    assert jobs.with_classes == ["sea", "whoi15"]
    assert jobs.retrieved == ["whoi15"]
    assert jobs.retrievals("sea") == ["data/whoi15/retrieved.json"]
    assert jobs.retrievals("whoi15") == []  # a name alone asks for nothing
    assert jobs.preparation("sea")["options"]["folder"] == "data/whoi15/files/images"

    facts, place = had(site, tmp_path / "data", "whoi15")
    write_json(place.facts, facts)
    assert depends(plan(**of), "sea") == before


def test_another_edition_is_another_dependence_and_another_server_is_not():
    known = data_sets()["vacuoles"]
    elsewhere = known.model_dump() | {"licence": "asked for"}
    elsewhere["downloads"] = [elsewhere["downloads"][0] | {"url": "https://mirror.example/a.zip"}]
    assert DataSet.model_validate(elsewhere).identity() == known.identity()
    other = known.model_dump()
    other["downloads"] = [other["downloads"][0] | {"git_sha1": "0" * 40}]
    assert DataSet.model_validate(other).identity() != known.identity()


def test_what_was_changed_after_it_was_retrieved_ends_the_plan(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    facts, place = had(site, tmp_path / "data", "whoi15")
    write_json(place.facts, facts)
    (place.files / "images/pennate/more.png").write_bytes(sites.picture(1))
    jobs = plan(sea={"retrieve": "whoi15"})
    with pytest.raises(DataError, match=r"retrieved as 'whoi15'.*Delete data/whoi15/retrieved"):
        jobs.preparation("sea")


def test_a_class_can_be_held_out_once_its_name_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = {"targets": {"sea": {"retrieve": "lensless"}}, "open_set": {"sea": ["Volvox"]}}
    with pytest.raises(DataError, match=r"retrieve it first.*data/lensless/retrieved\.json"):
        Expansion(load_study(study), SCRIPTS)
    place = Place(tmp_path / "data/lensless")
    place.archives.mkdir(parents=True)
    (place.archives / "lensless.zip").write_bytes(sites.lensless())
    write_json(place.facts, retrieve("lensless", data_sets()["lensless"], place))
    assert Expansion(load_study(study), SCRIPTS).held_out == {"sea": {"Volvox": "Volvox"}}


def test_published_sprites_and_textures_are_files_of_their_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = {"sprites": "retrieve:dsprites", "textures": "retrieve:brodatz"}
    jobs = Expansion(load_study({"sources": {"texture_dsprites": named}}), SCRIPTS)
    name = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
    assert jobs.preparation("texture_dsprites")["options"]["options"] == {
        "sprites": f"data/dsprites/files/{name}",
        "textures": "data/brodatz/files/images",
    }
    assert jobs.missing_paths() == []
    assert jobs.retrieved == ["brodatz", "dsprites"]


def test_cells_depend_on_how_they_are_cut_and_their_number_is_known_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = plan(screen={"retrieve": "bbbc021", "per_field": 5})
    many = plan(screen={"retrieve": "bbbc021"})
    assert few.number_of_images("screen") == 5 * 3848
    assert many.number_of_images("screen") == 20 * 3848
    images = [jobs.features_task("screen", "dino")["images"] for jobs in (few, many)]
    assert images[0] != images[1]
    assert images[0]["code"] == images[1]["code"]
    assert any(file.endswith("fields.py") for file in images[0]["code"])
