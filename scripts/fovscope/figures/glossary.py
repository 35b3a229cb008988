"""The words of the report, each explained in a sentence or two, and links to them from text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import NamedTuple


class Term(NamedTuple):
    """A word that is explained.

    Attributes
    ----------
    word : str
        As the glossary has it.
    meaning : str
        In a sentence or two.
    also : tuple of str
        Other forms in which text uses it.
    """

    word: str
    meaning: str
    also: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """Where the page explains it."""
        return "word-" + re.sub(r"\W+", "-", self.word).strip("-")


GLOSSARY = (
    Term("target", "A set of images that the study is about."),
    Term(
        "source",
        "Images with known settings, from which models learn what varies: rendered ones, or the "
        "target's own with one property set at a time (edited images).",
        ("edited images",),
    ),
    Term("factor", "A property that varies from image to image, such as size or hue."),
    Term("backbone", "The frozen network that turns an image into features; tables say “input”."),
    Term("Φ", "Phi: all features of the backbone, some hundred or thousand numbers.", ("full Φ",)),
    Term(
        "latents",
        "The few numbers per image that a model makes of Φ, its dimensions: z0 is the first. "
        "Tables also say codes. Named latents are those that training bound to a factor, the "
        "others are free.",
        ("numbers per image", "number per image", "dimension", "codes"),
    ),
    Term("recipe", "How models are made: from which source, with which objective."),
    Term("seed", "Where chance starts. Models of one kind differ by it alone; n is their number."),
    Term(
        "stage",
        "Transferred: a model as its sources made it. Fine-tuned: trained further on the target. "
        "From scratch: trained on the target alone. Baseline: no model at all.",
    ),
    Term("PCA", "Principal components: the directions in which Φ varies most.", ("PCA-10 of Φ",)),
    Term("random projection", "Φ mixed by chance into few numbers: a lower bound.", ("random-10",)),
    Term("handcrafted features", "Size, shape, colour and texture, measured inside the outline."),
    Term("outline", "The mask of an object, given with the images or found.", ("outlines",)),
    Term(
        "balanced accuracy",
        "The share of test images that are recognised, averaged over classes: a large class counts "
        "no more than a small one.",
    ),
    Term(
        "chance",
        "What guessing reaches: 100 % divided by the number of classes; of nearest neighbours, the "
        "share of those allowed that are right.",
    ),
    Term("GBT, MLP", "Classifiers: boosted trees; a small neural network.", ("GBT", "MLP")),
    Term("|r|", "Strength of a correlation, from 0 (none) to 1, whatever its sign."),
    Term("gap", "A dimension's |r| with its own factor less its largest |r| with anything else."),
    Term(
        "response",
        "One property is set in images, all else stays: of the squared movement of its own "
        "dimension and of the next strongest, the part of its own. 0.5 is a tie.",
    ),
    Term("direction", "Does the dimension go up as the setting does? The correlation of both."),
    Term(
        "holds",
        "A name holds where |r| ≥ 0.7, gap ≥ 0.3 and, where the property was set in images, "
        "response ≥ 0.67 and direction ≥ 0.5. It holds partly with |r| ≥ 0.5 and a gap above 0. "
        "Where nothing measures the factor, it cannot be judged.",
        ("hold", "holds partly"),
    ),
    Term("AUROC", "How well a score tells two groups apart: 0.5 is chance, 1 is perfect."),
    Term("trace", "The AUROC with which edited images can be told from natural ones."),
    Term(
        "disentanglement",
        "How far each dimension carries one factor alone; MIG, DCI and others measure it, each in "
        "its own way.",
    ),
    Term("floor, ceiling", "What pure noise and what a perfect code score on the same images."),
    Term("traversal", "One dimension is swept, the others stay: the nearest images are shown."),
    Term("mean ± SD", "Mean and standard deviation over models; [a, b] is a 95 % interval."),
    Term("p (Holm)", "A p-value, corrected for the number of comparisons in its table."),
)
"""In the order of reading."""


def linked(text: str, glossary: Iterable[Term] = GLOSSARY) -> str:
    """Return text as HTML in which the first use of each word leads to its explanation.

    Parameters
    ----------
    text : str
        Plain text.
    glossary : iterable of Term
        Words to be linked.
    """
    terms = {form: term for term in glossary for form in (term.word, *term.also)}
    forms = "|".join(re.escape(form) for form in sorted(terms, key=len, reverse=True))
    parts, linked_terms, end = [], set(), 0
    for match in re.finditer(rf"(?<!\w)(?:{forms})(?!\w)", text):
        term = terms[match[0]]
        if term not in linked_terms:
            shown = f'<a class="word" href="#{term.anchor}">{escape(match[0])}</a>'
            parts += [escape(text[end : match.start()]), shown]
            end = match.end()
            linked_terms.add(term)
    return "".join([*parts, escape(text[end:])])
