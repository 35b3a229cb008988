"""A finished study as one file, which another lab can verify and apply.

The archive is a ZIP file of all that the jobs wrote and noted (configuration, models, image
tables, representations, scores, tables, figures, report) and of the lists of their digests, without
images, features, logs and checkpoints. It is an RO-Crate (specification 1.1; Soiland-Reyes et al.
2022, Data Science 5, 97-138): `METADATA` says in JSON-LD what each file is and what the study was
made of: data sets and weights with digests, licences and citations, software with versions.
`ARCHIVED` has the digest of every other file, in the format of ``sha256sum --check``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import yaml
from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

import fovscope
from fovscope import FovscopeError
from fovscope.runtime.provenance import read_json, replacing
from fovscope.runtime.verify import ARCHIVED, digest_lists, entries_of

METADATA = "ro-crate-metadata.json"

_PAPER = "https://arxiv.org/abs/2506.20649"
_SHA256 = "https://w3id.org/ro/terms/workflow-run#sha256"
_CHUNK = 1 << 20
_SAME_DAY = (1980, 1, 1, 0, 0, 0)
"""Time stamp of all files, so that the same study gives the same archive but for its date."""

logger = logging.getLogger(__name__)


def archive_study(root: Path, out: Path, *, licence: str = "") -> None:
    """Write a study as one file.

    Parameters
    ----------
    root : Path
        Its results folder.
    out : Path
        ZIP file to write, whole or not at all.
    licence : str
        Under which you give it away, best as an address; data sets keep their own.

    Raises
    ------
    FovscopeError
        If the folder has no finished study, or a file is not what its job wrote.
    """
    lists = digest_lists(root)
    noted = {name: digest for path in lists for name, digest in entries_of(path).items()}
    if not (root / "config.yaml").exists():
        raise FovscopeError(f"{root} has no config.yaml; run the study to its end before")
    files = {name: root / name for name in sorted(noted) if (root / name).exists()}
    files |= {path.relative_to(root).as_posix(): path for path in lists}
    files |= {name: Path(name) for name in _plugins(root / "config.yaml")}
    with replacing(out) as temporary, ZipFile(temporary, "w", ZIP_DEFLATED) as archive:
        digests = {name: _add(archive, name, _chunks(path)) for name, path in files.items()}
        damaged = [name for name, digest in digests.items() if noted.get(name, digest) != digest]
        if damaged:
            raise FovscopeError(
                f"{len(damaged)} files are not what their jobs wrote, first {root / damaged[0]}; "
                f"see: fovscope verify --results {root}"
            )
        metadata = json.dumps(described(root, digests, licence=licence), indent=2, sort_keys=True)
        digests[METADATA] = _add(archive, METADATA, [metadata.encode()])
        listing = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
        _add(archive, ARCHIVED, [listing.encode()])
    logger.info("%s: %d files, %.1f MB", out, len(digests) + 1, out.stat().st_size / 1e6)


def _plugins(config: Path) -> Iterator[str]:
    """Yield the user's own code, which a model may need; it lies where the study was started."""
    for name in yaml.safe_load(config.read_text("utf-8")).get("plugins") or ():
        if Path(name).is_absolute() or ".." in Path(name).parts or not Path(name).exists():
            logger.warning(
                "%s: left out; a plug-in can be archived that is named by a path below the folder "
                "where you are",
                name,
            )
        else:
            yield Path(name).as_posix()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _add(archive: ZipFile, name: str, chunks: Iterable[bytes]) -> str:
    """Write a file to an archive; return its digest."""
    info, digest = ZipInfo(name, _SAME_DAY), hashlib.sha256()
    info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
    with archive.open(info, "w", force_zip64=True) as stream:
        for chunk in chunks:
            digest.update(chunk)
            stream.write(chunk)
    return digest.hexdigest()


def described(root: Path, digests: Mapping[str, str], *, licence: str = "") -> dict[str, Any]:
    """Return the RO-Crate metadata of a study, as JSON-LD.

    Parameters
    ----------
    root : Path
        Its results folder.
    digests : mapping of str to str
        SHA-256 of each file by its path in the archive.
    licence : str
        Of the archive.
    """
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = _SHA256
    config = yaml.safe_load((root / "config.yaml").read_text("utf-8"))
    targets = ", ".join(config["targets"])
    crate.name = f"Representations of {targets}"
    crate.description = (
        f"A study of fovscope {fovscope.__version__}: models, representations, scores, tables and "
        "figures, without images and features. To compare all files with their digests: fovscope "
        "verify --results <folder>; to apply a model to new images: fovscope encode."
    )
    if licence:
        crate.license = licence
    paper = _entity(crate, _PAPER, "ScholarlyArticle", name="Dapueto et al., IJCNN 2025")
    crate.root_dataset["citation"] = paper
    for name, digest in digests.items():
        properties = {"sha256": digest}
        if kind := mimetypes.guess_type(name)[0]:
            properties["encodingFormat"] = kind
        crate.add_file(dest_path=name, properties=properties)
    used = [*_data_sets(crate, root), *_weights(crate, root)]
    crate.add_action(
        instrument=_software(crate, root),
        identifier="#study",
        object=used,
        result=[crate.root_dataset],
        properties={"name": f"Study of {targets}", "description": "As config.yaml says."},
    )
    return crate.metadata.generate()


def _entity(crate: ROCrate, identifier: str, kind: str, **properties: Any) -> ContextEntity:  # noqa: ANN401
    known = {key: value for key, value in properties.items() if value}
    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind} | known))


def _data_sets(crate: ROCrate, root: Path) -> Iterator[ContextEntity]:
    for path in sorted(root.glob("data/*/manifest.json")):
        facts, name = read_json(path), path.parent.name
        counts = [sum(of_class.values()) for of_class in facts.get("counts", {}).values()]
        yield _entity(
            crate,
            f"#data/{name}",
            "Dataset",
            name=name,
            sha256=facts["images_digest"],
            license=facts.get("licence"),
            citation=facts.get("citation"),
            description=f"{sum(counts)} images, {len(counts)} classes" if counts else "",
        )


def _weights(crate: ROCrate, root: Path) -> list[ContextEntity]:
    stores = [read_json(path) for path in sorted(root.glob("features/*/*/manifest.json"))]
    models = {store["weights_digest"]: store["model"] for store in stores}
    return [
        _entity(crate, f"#weights/{digest}", "CreativeWork", name=model, sha256=digest)
        for digest, model in models.items()
    ]


def _software(crate: ROCrate, root: Path) -> list[ContextEntity]:
    """Return the software that models were trained with, each version once."""
    models = [read_json(path) for path in sorted(root.glob("models/**/*.json"))]
    used = {item for model in models for item in model["versions"].items()}
    licences = {"fovscope": "https://spdx.org/licenses/Apache-2.0"}
    return [
        _entity(
            crate,
            f"#software/{name}-{version}",
            "SoftwareApplication",
            name=name,
            version=version,
            license=licences.get(name),
        )
        for name, version in sorted(used or {("fovscope", fovscope.__version__)})
    ]
