"""Files from the web, whole: resumed where the connection broke, and held to a digest.

A transfer goes on from what is there (RFC 9110, section 14: `Range`), and only if the file is
still the same at the other end (`If-Range`); a server that knows no ranges sends all of it again.
Pooch, which downloads data sets for many packages, starts over whenever a transfer breaks, and an
archive of gigabytes would then never arrive over a poor line.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from pathlib import Path

import requests
from urllib3.exceptions import HTTPError

from fovscope import FovscopeError
from fovscope.runtime.provenance import flush, write_json

ATTEMPTS = 6
"""In a row without a byte more, before a download is given up."""

_TIMEOUT = (20, 60)
"""Seconds to connect, and between two pieces."""

_PIECE = 1 << 20
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that may be others a little later."""

logger = logging.getLogger(__name__)


class DownloadError(FovscopeError):
    """A file that cannot be had; the message says why and what to do."""


class _InterruptedError(Exception):
    """A transfer that can go on."""


def download(url: str, target: Path, *, most: int, pause: float = 2.0) -> None:
    """Download a file; go on with what an earlier call left of it.

    Parameters
    ----------
    url : str
        Where it is.
    target : Path
        Where it goes; what is there of it meanwhile is called ``.part``.
    most : int
        Bytes; a file that is larger is given up.
    pause : float
        Seconds before the second attempt; each further one waits twice as long.

    Raises
    ------
    DownloadError
        If it is not there, is too large, or `ATTEMPTS` in a row bring nothing.
    """
    part, note = (target.with_name(f"{target.name}.{end}") for end in ("part", "part.json"))
    target.parent.mkdir(parents=True, exist_ok=True)
    failures, most_yet = 0, _size(part)
    with requests.Session() as session:
        while True:
            try:
                _transfer(session, url, part, note, most)
                break
            except (requests.RequestException, HTTPError, _InterruptedError) as error:
                failures = 1 if _size(part) > most_yet else failures + 1
                most_yet = max(most_yet, _size(part))
                if failures >= ATTEMPTS:
                    raise DownloadError(
                        f"{url} could not be downloaded ({error}); {_size(part):,} bytes are "
                        f"kept. Run it again, or have the file as {target} by other means"
                    ) from error
                logger.warning("%s: %s; trying again", url, error)
                time.sleep(pause * 2 ** (failures - 1))
    flush(part)
    part.replace(target)
    note.unlink(missing_ok=True)


def _transfer(session: requests.Session, url: str, part: Path, note: Path, most: int) -> None:
    """Append what is missing of a file; raise where something is still missing after it."""
    there, same = _size(part), _validator(note)
    headers = {"Accept-Encoding": "identity"}
    if there and same:
        headers |= {"Range": f"bytes={there}-", "If-Range": same}
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        _require_success(answer, url)
        nothing_more = answer.status_code == requests.codes.requested_range_not_satisfiable
        if nothing_more and answer.headers.get("Content-Range") == f"bytes */{there}":
            return  # an earlier call was killed when all was there
        goes_on = answer.status_code == requests.codes.partial_content
        if nothing_more or (goes_on and _start(answer) != there):
            part.unlink(missing_ok=True)  # what is there is no beginning of that file
            raise _InterruptedError("the server has another file than at the first attempt")
        start = there if goes_on else 0
        length = answer.headers.get("Content-Length", "")
        whole = start + int(length) if length.isdigit() else None
        if (whole or 0) > most:
            raise DownloadError(_too_large(url, most))
        if not goes_on:
            write_json(note, {"same": _strong_validator(answer)})
        logger.info("%s: %s of %s bytes", url, f"{start:,}", f"{whole:,}" if whole else "?")
        with part.open("ab" if goes_on else "wb") as stream:
            # As it comes: `iter_content` drops the beginning of a piece whose end is missing.
            while piece := answer.raw.read1(_PIECE):
                stream.write(piece)
                if stream.tell() > most:
                    raise DownloadError(_too_large(url, most))
    if whole is not None and _size(part) < whole:
        raise _InterruptedError(f"the connection ended after {_size(part):,} of {whole:,} bytes")


def _require_success(answer: requests.Response, url: str) -> None:
    if answer.status_code in _LATER:
        raise _InterruptedError(f"the server answered {answer.status_code} {answer.reason}")
    if answer.status_code == requests.codes.requested_range_not_satisfiable or answer.ok:
        return
    raise DownloadError(
        f"{url} cannot be had: the server answered {answer.status_code} {answer.reason}. It may "
        "have moved: have it elsewhere, or give its place in a table of 'data_sets'"
    )


def _too_large(url: str, most: int) -> str:
    return (
        f"{url} is larger than {most:,} bytes, so it is not what it should be; raise 'megabytes' "
        "in a table of 'data_sets' if it is"
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _start(answer: requests.Response) -> int:
    """Return the first byte of a part, -1 where the server does not say."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else -1


def _strong_validator(answer: requests.Response) -> str:
    """Return what a server calls this very content, empty where it does not say."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _validator(note: Path) -> str:
    try:
        return json.loads(note.read_text("utf-8"))["same"]
    except (FileNotFoundError, ValueError, KeyError):  # then it is downloaded from the beginning
        return ""


def git_sha1(path: Path) -> str:
    """Return what Git calls a file's content (a blob), in hexadecimal."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
