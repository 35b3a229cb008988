"""What exists by name: one small registry, and errors that propose the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a name that does not exist.

    Parameters
    ----------
    kind : str
        What the name should have named, e.g. ``"key"`` or ``"metric"``.
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        One sentence that proposes the nearest known name, or lists all of them.
    """
    known = sorted(known)
    whatever_case = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), whatever_case, n=1, cutoff=0.6)
    hint = f"did you mean '{whatever_case[near[0]]}'?" if near else f"known: {', '.join(known)}"
    return f"unknown {kind} '{name}'; {hint}"


class Registry(Generic[T]):
    """Named things of one kind.

    Parameters
    ----------
    kind : str
        What is registered here, in the singular; it appears in error messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files its argument under `name`."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            self._entries[name] = entry
            return entry

        return add

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            raise KeyError(unknown_name(self.kind, name, self._entries))
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))
