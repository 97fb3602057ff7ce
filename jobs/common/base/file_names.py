"""Names of files: the text that their bytes stand for, and what of it people are shown.

A name is kept as it is in `ops.file` and `ops.delivery`, where contracts and corrected exports are matched by it. Whoever
hands a file in may write a person's number into its name, so every message, page and report shows it through `shown`.
"""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from jobs.common.base.errors import UserError
from jobs.common.base.masks import mask_numbers

LONGEST = 255  # bytes of a name that a file system takes
_SHOWN, _HEAD, _TAIL = 120, 70, 40  # characters: the most of a name that are shown, and the two ends of a longer one
_ID_SHOWN = 8  # characters by which commands take a file's id
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # categories that a terminal acts on, or shows nothing of


def read_name(name: str) -> str:
    """The text of a path as the system hands it out, part by part: UTF-8, else GB18030 as Windows writes it.

    Bytes that are neither stand as `\\xNN`.
    """
    return "/".join(map(_read_part, name.split("/")))


def _read_part(part: str) -> str:
    if part.isascii():
        return part
    try:
        raw = os.fsencode(part)
    except UnicodeEncodeError:  # not from a file system
        return part.encode("utf-8", errors="backslashreplace").decode()
    for encoding in ("utf-8", "gb18030"):
        try:
            text = raw.decode(encoding)
            text.encode()  # GB18030 has codes for lone surrogates, which no table can hold
            return text
        except UnicodeError:
            continue
    return raw.decode("utf-8", errors="backslashreplace")


def spell_name(name: str) -> str:
    """A path that `read_name` reads as `name` and whose parts a file system takes; raises UserError where there is none."""
    return "/".join(map(_spell_part, name.split("/")))


def _spell_part(part: str) -> str:
    escaped = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), part.encode())
    for raw in (part.encode(), part.encode("gb18030"), escaped):
        if len(raw) <= LONGEST and _read_part(os.fsdecode(raw)) == part:
            return os.fsdecode(raw)
    raise UserError(f"no file system takes the name {shown(part)}")


def shown(name: str, file_id: str | None = None) -> str:
    """A name as people see it: numbers masked, what a terminal would act on escaped, a very long one cut in its middle.

    Args:
        name: of a file, or its path below a folder.
        file_id: of the file; its first characters tell names apart that look the same then.
    """
    told = mask_numbers(read_name(name))
    is_whole = told == read_name(name)
    told = "".join(_escape(character) for character in told)
    if len(told) > _SHOWN:
        told, is_whole = f"{told[:_HEAD]}…{told[-_TAIL:]}", False
    return told if is_whole or not file_id else f"{told} [{file_id[:_ID_SHOWN]}]"


def shown_apart(names: Iterable[str]) -> list[str]:
    """Names as people see them, numbered where two look the same."""
    seen: Counter[str] = Counter()
    found = []
    for told in map(shown, names):
        seen[told] += 1
        found.append(told if seen[told] == 1 else f"{told} ({seen[told]})")
    return found


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _UNSEEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
