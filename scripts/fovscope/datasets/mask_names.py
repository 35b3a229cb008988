"""What masks, their folders, and the images that they belong to are called; standard library only.

A name is read as its words, and numbers are words too: ``img1`` is ``img`` and ``1``,
``labelsTr`` is ``labels`` and ``tr``. Without the word for a mask in one name, and without that
for an image in another, both name the same: ``Mask of 1`` and ``img_1`` are ``1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fovscope.datasets.listing import composed

Words = tuple[str, ...]

_MASKS = frozenset(
    {
        *("mask", "masks", "msk", "msks", "segmentation", "segmentations", "labels", "lbl", "lbls"),
        *("annotation", "annotations", "groundtruth", "gt"),
        *("maske", "masken", "masque", "masques", "mascara", "mascaras", "maschera", "maschere"),
        *("máscara", "máscaras"),
    }
)

_MASKS_OR_CLASSES = _MASKS | {"seg", "segs", "label"}
"""Beside images; folders of these names may be classes, as of segmented neutrophils."""

_IMAGES = frozenset(
    {
        *("image", "images", "img", "imgs", "im", "ims", "raw", "original", "originals", "orig"),
        *("picture", "pictures", "photo", "photos", "frame", "frames", "bild", "bilder", "rgb"),
        *("imagen", "imagenes", "imágenes", "imagem", "imagens", "immagine", "immagini"),
    }
)

_FILLERS = frozenset({"of", "for", "de", "von", "cp", "pred", "binary", "manual"})
"""Beside a word for masks: ``Mask of 1`` (ImageJ), ``1_cp_masks`` (Cellpose)."""

_GROUND_TRUTH = re.compile(r"ground[\W_]*truth", re.IGNORECASE)
_WITHIN_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")


def masked_names(name: str) -> set[Words]:
    """Return what the image may be called whose mask a file or folder seems to be by its name.

    Empty where it is called like no mask.
    """
    words = _words(name)
    found: set[Words] = set()
    for place in _places(words):
        if words[place] in _MASKS_OR_CLASSES:
            before, after = list(words[:place]), list(words[place + 1 :])
            while before and before[-1] in _FILLERS:
                before.pop()
            while after and after[0] in _FILLERS:
                after.pop(0)
            found |= set(_with_and_without_image(tuple(before + after)))
            if len(after) == 1 and after[0].isdecimal():  # one of several masks
                found |= set(_with_and_without_image(tuple(before)))
    return found


def image_names(name: str) -> set[Words]:
    """Return what an image may be called by its mask, a file or a folder."""
    return {words for words in _with_and_without_image(_words(name)) if words or is_images(name)}


def is_images(name: str) -> bool:
    """Return whether a folder says that it holds images: ``images``, ``imagesTr``, ``raw img``."""
    words = _words(name)
    return bool({*words[:1], *words[-1:]} & _IMAGES)


def is_masks(name: str) -> bool:
    """Return whether a folder says that it holds masks, and nothing else: ``masks``."""
    words = set(_words(name)) - _FILLERS
    return bool(words) and words <= _MASKS


def may_be_masks(name: str) -> bool:
    """Return whether a folder that may be a class could be one of masks too: ``cell masks``."""
    words = _words(name)
    return bool({*words[:1], *words[-1:]} & _MASKS)


def _with_and_without_image(words: Words) -> Iterator[Words]:
    yield words
    for place in _places(words):
        if words[place] in _IMAGES:
            yield words[:place] + words[place + 1 :]


def _places(words: Words) -> set[int]:
    """Return where a word says what a file is: first, last, or last but one (``1_mask_2``)."""
    return {0, len(words) - 1, len(words) - 2} & set(range(len(words)))


def _words(name: str) -> Words:
    apart = _WITHIN_CAMEL_CASE.sub(" ", _GROUND_TRUTH.sub(" groundtruth ", composed(name)))
    return tuple(_WORD.findall(apart.casefold()))
