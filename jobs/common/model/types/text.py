"""Free text: everything that is written, without white space at its ends."""

from jobs.common.model.plain_text import strip_text
from jobs.common.model.types.semantic_type import SemanticType, value

TYPE = SemanticType(name="text", sql="string", plain=(strip_text,), clean=(value(lambda plain: plain),))
