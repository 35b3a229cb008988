"""Names that people give, such as those of classes, made fit to be seen.

What a format takes for its own (`$` in figures, `&` in LaTeX, `*` in Markdown) is the business of
the module that writes the format. Here is what none of them can show: characters that control a
terminal or a file, and names of nothing but blanks.
"""

from __future__ import annotations

import unicodedata

_UNSEEN = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories without a shape: control characters, halves of pairs, ends of lines."""

_BLANK = ("Zs", "Cf")
"""Those that take room at most: spaces, joiners, marks of direction."""


def legible(text: object) -> str:
    r"""Return text on one line that can be written as UTF-8 and seen.

    Parameters
    ----------
    text : object
        A name, or what is to be shown as one.

    Returns
    -------
    str
        The same, but for control characters, ends of lines and what no file name could be decoded
        to, which become escapes (``\n``, ``\udcff``); a name of nothing but blanks is in quotes,
        blanks other than spaces escaped.
    """
    shown = "".join(_escaped(c) if unicodedata.category(c) in _UNSEEN else c for c in str(text))
    if shown and all(unicodedata.category(c) in _BLANK for c in shown):
        return '"' + "".join(c if c == " " else _escaped(c) for c in shown) + '"'
    return shown


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
