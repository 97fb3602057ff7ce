"""The shape of each YAML file of `conf/` that is no contract and no record of the model: its schema (JSON schema, 2019-09).

A new file of `conf/` gets its entry here, and `conf.yaml(<its name>)` then returns what is in it, or refuses it with file,
line, key and remedy. What a schema cannot say (that a system exists, that a field is one of the record) stands where the
file is used. Contracts go by the schema of the standard (`contract_document`), records by `model`, suites by `audit`.
"""

from typing import Any

_TEXT = {"type": "string", "minLength": 1}
_SYSTEMS = {"type": "array", "items": _TEXT, "uniqueItems": True}


def _block(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """A block of these keys and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _nights(least: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": 1_000_000}


# system.object, or system.object@role
_EXPORT = {"type": "string", "pattern": r"\A[a-z0-9_]+\.[a-z0-9_]+(@[a-z0-9_]+)?\Z"}
_SENTENCES = {"type": "object", "additionalProperties": _block({"zh": _TEXT, "en": _TEXT}, {"mend": _TEXT})}

SCHEMAS: dict[str, dict[str, Any]] = {
    # record: {default: [system], fields: {field: [system]}}; a file or block of comments alone is empty
    "authority.yml": {
        "type": ["object", "null"],
        "additionalProperties": {
            "type": ["object", "null"],
            "properties": {
                "default": {**_SYSTEMS, "type": ["array", "null"]},
                "fields": {"type": ["object", "null"], "additionalProperties": _SYSTEMS},
            },
            "additionalProperties": False,
        },
    },
    "match.yml": _block({"organisation": _block({"no_names": {"type": "array", "items": _TEXT}})}),
    # where a code is used -> code -> its sentences; a file of the workspace may leave out what it does not change
    "reasons.yml": _block(
        {}, dict.fromkeys(("file", "inbox", "fetch", "shortcoming", "row", "skipped", "issue", "match"), _SENTENCES)
    ),
    "office.yml": {
        "type": ["object", "null"],
        "properties": {
            "population": {"type": "integer", "minimum": 1, "maximum": 100_000_000},
            "register": _EXPORT,
            "residence": {"type": "array", "items": _EXPORT, "uniqueItems": True},
        },
        "additionalProperties": False,
    },
    "retention.yml": _block({"raw_nights": _nights(1), "release_nights": _nights(1), "grace_hours": _nights(0)}),
}
