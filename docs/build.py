"""Puts the site together and has it built, strict: `python docs/build.py site` (`make docs`).

MkDocs builds it. What it is given is plain: Zensical, the successor of its theme, builds the same
from the same `mkdocs.yml`.

Links in Markdown files are relative to the file, as code hosts want them. On the site a link to a
file that is one of its pages leads to the page; any other file of the repository is taken along.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "config/README.md": "config.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Pages that lie elsewhere in the repository, and what they are called on the site."""
_PAGES = OUTSIDE | {"README.md": "index.md"}
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)(?=[)#])")


def assemble(folder: Path) -> list[str]:
    """Write everything that the site is made from into a folder; return the names of the pages."""
    pages = {f"docs/{(at := _below_docs(path))}": at for path in (ROOT / "docs").rglob("*.md")}
    pages |= OUTSIDE
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for source, page in pages.items():
        text = (ROOT / source).read_text("utf-8")
        (folder / page).write_text(_with_links(text, source, page, folder), encoding="utf-8")
    return sorted(pages.values())


def _below_docs(path: Path) -> str:
    return path.relative_to(ROOT / "docs").as_posix()


def _with_links(text: str, source: str, page: str, folder: Path) -> str:
    """Return the text of a page with links that hold on the site."""

    def linked(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        where = _PAGES.get(target)
        if where is None and target.startswith("docs/"):
            where = target.removeprefix("docs/")
        elif where is None and not (ROOT / target).is_file():
            return found[0]  # which the build refuses
        elif where is None:
            where = f"repository/{target}"
            (folder / where).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / target, folder / where)
        return posixpath.relpath(where, posixpath.dirname(page) or ".")

    return _LINK.sub(linked, text)


def settings(pages: list[str]) -> str:
    """Return mkdocs.yml for the assembled folder, with pages that the menu lacks below "More"."""
    given = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    named = set(re.findall(r"'([^']+\.md)'", str(given["nav"])))
    if more := [page for page in pages if page not in named]:
        given["nav"].append({"More": more})
    python = given["plugins"]["mkdocstrings"]["handlers"]["python"]
    python["paths"] = [str(ROOT / path) for path in python["paths"]]
    return yaml.safe_dump(given)


def build(site: Path) -> int:
    """Build the site into a folder; return the exit code, 0 if there was not even a warning."""
    with TemporaryDirectory() as temporary:
        room = Path(temporary)
        pages = assemble(room / "docs")
        (room / "mkdocs.yml").write_text(settings(pages), encoding="utf-8")
        # Not --quiet: of warnings that are not said --strict knows nothing.
        command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
        quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # an advertisement of its theme
        code = subprocess.run(command, cwd=room, env=quiet, check=False).returncode
        if code == 0:
            shutil.rmtree(site, ignore_errors=True)
            shutil.copytree(room / "site", site)
        return code


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])))
