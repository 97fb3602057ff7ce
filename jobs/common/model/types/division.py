"""Administrative divisions: their codes of 12 digits, and all that stands for them. See `model/divisions.py`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from jobs.common.model.divisions import AMBIGUOUS, FORMER, LISTS, division_words
from jobs.common.model.plain_text import code_key, whole_number
from jobs.common.model.types.semantic_type import ListedWord, Lookup, SemanticType


def listed_words(files: Sequence[Path]) -> Iterator[ListedWord]:
    for word, meaning in division_words(*files).items():
        yield word, meaning.code, meaning.issue


TYPE = SemanticType(
    name="division",
    sql="string",
    plain=(code_key, whole_number),
    lookup=Lookup("unknown_division", listed_words, LISTS),
    doubts=("unknown_division", AMBIGUOUS, FORMER),
)
