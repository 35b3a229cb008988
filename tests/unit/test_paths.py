"""A path has one form, however it is spelled, so that no job reruns for its spelling."""

import os

import pytest

from fovscope.study.paths import normal_path


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    (folder / "images").mkdir(parents=True)
    (tmp_path / "by_another_name").symlink_to(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


@pytest.mark.parametrize(
    "text",
    [
        *("images", "./images", "images/", "images//", "a/../images", "../project/images/."),
        *("{here}/images", "{here}/../project/images/", "{here}/../by_another_name/images"),
        *("~/project/images", "~/by_another_name/images/"),
    ],
)
def test_a_path_into_the_working_folder_is_relative_to_it(here, text):
    assert normal_path(text.format(here=here)) == "images"


def test_a_path_elsewhere_stays_as_it_leads_there(here, tmp_path):
    assert normal_path("../data//cells/./") == "../data/cells"
    assert normal_path(f"{tmp_path}/data/cells/") == f"{tmp_path}/data/cells"
    assert normal_path("~/data") == f"{tmp_path}/data"
    assert normal_path(f"{here}x/images") == f"{here}x/images"


def test_what_is_not_there_and_the_folder_itself_have_a_form_too(here):
    assert normal_path("./not/there/") == "not/there"
    assert normal_path(str(here)) == normal_path(".") == "."


def test_a_link_in_the_working_folder_stays_a_link(here, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (here / "linked").symlink_to(tmp_path / "elsewhere")
    assert normal_path("./linked/a") == normal_path(f"{here}/linked/a") == "linked/a"
    assert os.path.realpath(normal_path("linked")) == str(tmp_path / "elsewhere")
