"""The encoding of text under a header that says nothing of it.

Almost any bytes are GB18030, and text in Big5 is Big5 and GB18030 at once. What tells is how common the characters are that
come out: most of a text is of the first level of its character set, and text read wrongly is not. A declared encoding is
doubted only if its reading is improbable, another one is probable, and charset-normalizer says the same: short texts mislead
it, and no right file may be refused.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

_SCORED_LINES = 200
_SCORED_BYTES = 64 << 10
_FEWEST = 8  # characters that can tell anything
_PROBABLE = 0.85
_HALF = 0.5
_NEARLY_ALL = 0.95  # of the lines
# The share of common characters below which the reading of a declared encoding is improbable; measured on real texts, of
# which a right reading of three rows has at least 0.62 in GB18030 and 0.75 in Big5, and a wrong one of those at most 0.75.
_IMPROBABLE = {"gb18030": 0.5, "big5": 0.85}
# Korean is as common in GB18030, but all its characters lie in one half of the first level.
_FEWEST_KOREAN = 20
# Encodings whose texts can be read as each other's.
_MISTAKEN = ("gb18030", "big5", "shift_jis")
# Whether a character's code is of the first level or punctuation.
_IS_COMMON: dict[str, Callable[[bytes], bool]] = {
    "gb18030": lambda code: len(code) == 2 and (0xA1 <= code[0] <= 0xA3 or 0xB0 <= code[0] <= 0xD7) and code[1] >= 0xA1,
    "big5": lambda code: len(code) == 2 and 0xA1 <= code[0] <= 0xC6,
    "shift_jis": lambda code: len(code) == 2 and 0x81 <= code[0] <= 0x98,
    "euc_kr": lambda code: len(code) == 2 and (0xA1 <= code[0] <= 0xA3 or 0xB0 <= code[0] <= 0xC8),
}


def guess_encoding(lines: list[bytes], declared: str) -> str:
    """Encoding of lines that hold other than ASCII characters; the declared one if no other is clearly right."""
    if not lines:
        return declared
    if declared == "utf-8":
        return _in_place_of_utf8(lines)
    if _share_of_sure_utf8(lines) > _HALF:
        return "utf-8"
    if _share(lines, declared) < _HALF:
        return _first_common(lines, declared)
    return _second_opinion(lines, declared) if declared in _IMPROBABLE else declared


def _in_place_of_utf8(lines: list[bytes]) -> str:
    """Encoding of lines of which most are not UTF-8, as declared: the one whose characters are the most common."""
    if _share(lines, "utf-8") >= _HALF:
        return "utf-8"
    sample = _shorten(lines)
    scores = {name: _score(sample, name) for name in _fitting(lines, _IS_COMMON)}
    best = max(scores, key=lambda name: scores[name], default="utf-8")
    if best == "gb18030" and "euc_kr" in scores and _may_be_korean(sample):
        best = "euc_kr"
    return best if scores.get(best, 0) > _HALF else "utf-8"


def _first_common(lines: list[bytes], declared: str) -> str:
    """The first encoding that fits lines which are not in the declared one."""
    sample = _shorten(lines)
    for name in _fitting(lines, _IS_COMMON):
        if name != declared and _score(sample, name) > _HALF:
            return name
    return declared


def _second_opinion(lines: list[bytes], declared: str) -> str:
    """Another encoding of lines that can be read as declared, if it is probable and charset-normalizer says the same."""
    sample = _shorten(lines)
    if len(_characters(sample, declared)) < _FEWEST:
        return declared
    fitting = _fitting(lines, _suspects(sample, declared))
    probable = [name for name in fitting if _score(sample, name) >= _PROBABLE]
    if not probable:
        return declared
    from charset_normalizer import from_bytes  # loaded for texts in doubt only

    found = from_bytes(b"\n".join(sample), cp_isolation=[declared, *probable]).best()
    if found is None or found.encoding not in probable:
        return declared
    return found.encoding


def _suspects(sample: list[bytes], declared: str) -> list[str]:
    """The encodings that a text may be in if its reading as declared is improbable."""
    if _score(sample, declared) < _IMPROBABLE[declared]:
        return [name for name in _MISTAKEN if name != declared]
    if declared == "gb18030" and _may_be_korean(sample):
        return ["euc_kr"]
    return []


def _may_be_korean(sample: list[bytes]) -> bool:
    common = _IS_COMMON["euc_kr"]
    codes = {character.encode("gb18030") for character in _characters(sample, "gb18030")}
    return len(codes) >= _FEWEST_KOREAN and sum(map(common, codes)) >= 0.98 * len(codes)


def _shorten(lines: list[bytes]) -> list[bytes]:
    """The first lines, as many as are worth the time."""
    found: list[bytes] = []
    left = _SCORED_BYTES
    for line in lines[:_SCORED_LINES]:
        if left <= 0:
            break
        found.append(line[:left])
        left -= len(line)
    return found


def _fitting(lines: Sequence[bytes], encodings: Iterable[str]) -> list[str]:
    """Those encodings in which nearly all lines decode."""
    return [encoding for encoding in encodings if _share(lines, encoding) > _NEARLY_ALL]


def _share(lines: Sequence[bytes], encoding: str) -> float:
    """Share of lines that decode."""
    return len(_decoded(lines, encoding)) / len(lines)


def _share_of_sure_utf8(lines: Sequence[bytes]) -> float:
    """Share of lines that are UTF-8 with a character of three bytes: pairs of GBK pass for characters of two by luck."""
    highest = map(max, _decoded(lines, "utf-8"))
    return sum(character >= "\u0800" for character in highest) / len(lines)


def _decoded(lines: Sequence[bytes], encoding: str) -> list[str]:
    """The texts of the lines that decode."""
    found: list[str] = []
    for line in lines:
        with suppress(UnicodeDecodeError):
            found.append(line.decode(encoding))
    return found


def _characters(lines: Sequence[bytes], encoding: str) -> str:
    text = b"\n".join(lines).decode(encoding, errors="ignore")
    return "".join(character for character in text if not character.isascii())


def _score(lines: Sequence[bytes], encoding: str) -> float:
    """Share of common characters among those beyond ASCII."""
    codes = [character.encode(encoding, errors="ignore") for character in _characters(lines, encoding)]
    return sum(map(_IS_COMMON[encoding], codes)) / len(codes) if codes else 0.0
