"""The semantic types of fields: one module each, in which all that the house knows of the type stands."""

from jobs.common.model.types import (
    address,
    boolean,
    code,
    credit_code,
    date,
    datetime,
    decimal,
    division,
    integer,
    money,
    number,
    person_name,
    phone,
    resident_id,
    text,
    yes_no,
)
from jobs.common.model.types.semantic_type import SemanticType

TYPES: tuple[SemanticType, ...] = (
    person_name.TYPE,
    resident_id.TYPE,
    code.TYPE,
    division.TYPE,
    phone.TYPE,
    address.TYPE,
    text.TYPE,
    number.TYPE,
    date.TYPE,
    datetime.TYPE,
    integer.TYPE,
    boolean.TYPE,
    yes_no.TYPE,
    credit_code.TYPE,
    money.TYPE,
    decimal.TYPE,
)
TYPE_OF = {type.name: type for type in TYPES}
# Words that a contract may say of a column, by their names.
PARAMETERS = {parameter.name: parameter for type in TYPES for parameter in type.parameters}
