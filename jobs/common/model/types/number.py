"""Numbers that name something (of a file, a house, a contract): text, as nobody calculates with them."""

from jobs.common.model.plain_text import strip_text, whole_number
from jobs.common.model.types.semantic_type import SemanticType, value

TYPE = SemanticType(name="number", sql="string", plain=(strip_text,), clean=(value(whole_number),))
