"""Yes or no, as sources write it."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import code_key, whole_number
from jobs.common.model.types.semantic_type import SemanticType, unreadable, value

# As `code_key` writes them.
YES = ("是", "是的", "有", "对", "√", "✓", "✔", "☑", "Y", "YES", "T", "TRUE", "1")
NO = ("否", "不是", "无", "没有", "错", "不对", "×", "✕", "✗", "✘", "☒", "X", "N", "NO", "F", "FALSE", "0")


def clean_yes_no(plain: Column) -> Column:
    return F.when(plain.isin(*YES), F.lit(True)).when(plain.isin(*NO), F.lit(False))


TYPE = SemanticType(
    name="yes_no",
    sql="boolean",
    plain=(code_key, whole_number),
    clean=(value(clean_yes_no),),
    doubt=unreadable("yes_no_unreadable"),
    doubts=("yes_no_unreadable",),
    words=(*YES, *NO),
)
