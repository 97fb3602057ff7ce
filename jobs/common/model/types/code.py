"""Codes of a list of conf/codes, which the field names as `codes`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from jobs.common.model.codes import value_to_code
from jobs.common.model.plain_text import code_key, whole_number
from jobs.common.model.types.semantic_type import ListedWord, Lookup, SemanticType


def listed_words(files: Sequence[Path]) -> Iterator[ListedWord]:
    for file in files:
        for word, code in value_to_code(file).items():
            yield word, code, None


TYPE = SemanticType(
    name="code",
    sql="string",
    plain=(code_key, whole_number),
    lookup=Lookup("unknown_code", listed_words),
    doubts=("unknown_code",),
)
