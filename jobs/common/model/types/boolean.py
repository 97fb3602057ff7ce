"""What a rule of ours has found to be true or false. Sources write yes and no, which is the type `yes_no`."""

from jobs.common.model.types.semantic_type import SemanticType

TYPE = SemanticType(name="boolean", sql="boolean")
