"""Names of people: Chinese, with dots between their parts, or in Latin letters."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import WHITESPACE, half_width, without_spaces
from jobs.common.model.types.semantic_type import SemanticType, unreadable, value

_DOTS = "[•．・‧･∙●.·]"
# Ideographs of the planes 0, 2 and 3, and the zero that some names hold.
_IDEOGRAPHS = "[\\x{3400}-\\x{4DBF}\\x{4E00}-\\x{9FFF}\\x{3007}\\x{20000}-\\x{3FFFF}]+"
_NAME = f"^{_IDEOGRAPHS}(·{_IDEOGRAPHS})*$"
_LATIN_NAME = "^[A-Za-z][A-Za-z .'-]*$"


def clean_person_name(plain: Column) -> Column:
    """Name with one kind of dot between its parts and no spaces between Chinese characters."""
    latin = F.regexp_replace(plain, f"{WHITESPACE}+", " ")
    chinese = F.regexp_replace(without_spaces(plain), _DOTS, "·")
    return F.when(chinese.rlike(_NAME), chinese).when(latin.rlike(_LATIN_NAME), latin)


TYPE = SemanticType(
    name="person_name",
    sql="string",
    plain=(half_width,),
    clean=(value(clean_person_name),),
    doubt=unreadable("name_unreadable"),
    doubts=("name_unreadable",),
)
