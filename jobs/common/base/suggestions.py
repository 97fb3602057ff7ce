"""Words of people's files in messages: cut short, listed, and the known word that was probably meant."""

import difflib
import re
from collections.abc import Iterable

_FEW = 20
_LONGEST_WORD = 300
_SHOWN = 40  # characters of a value that a message repeats
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def cut_short(text: str) -> str:
    """A word of a file as a message repeats it: on one line, and not for pages."""
    return _CONTROL.sub("·", text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def list_words(words: Iterable[str]) -> str:
    """Words of a file as a message repeats them, sorted; of many the first."""
    found = sorted(words)
    more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
    return ", ".join(map(cut_short, found[:_FEW])) + more


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, or None when nothing is near."""
    by_lower = {name.lower(): name for name in sorted(known, reverse=True)}
    # Among hundreds of words one is always somewhat near: CST is not a misspelt UCT.
    cutoff = 0.6 if len(by_lower) <= _FEW else 0.7
    found = difflib.get_close_matches(word.lower()[:_LONGEST_WORD], sorted(by_lower), n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def suggest(word: object, known: Iterable[str]) -> str:
    """Write the remedy for a word that is not known: the nearest right one, and all of them where they are few."""
    words = sorted(known)
    near = nearest_word(str(word), words)
    meant = f"Did you mean `{near}`? " if near else ""
    if len(words) > _FEW:
        return meant.strip() or "No known word is near it; correct or remove it."
    return f"{meant}Known: {', '.join(words) or 'none'}."
