"""What looks like a password in a file of `conf/`: it would be copied to the archive and stay there.

    password: hunter2                          a key that names one, with a value
    {property: api_key, value: hunter2}        the same as a custom property
    url: postgres://police:hunter2@10.0.0.5/x  a user and a password in an address
    dsn: host=10.0.0.5 password=hunter2        the same in other words
    # password: hunter2                        and in a comment

Reads: one file. Writes: nothing. Refuses: nothing by itself. No finding holds a value.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from jobs.common.base.document import Document, Finding, Place, read_document, read_text
from jobs.common.base.secrets import FILE, NAME, PREFIX

# What the archive keeps in place of a file that holds one.
WITHHELD = b"# This file was withheld: it holds what looks like a password.\n"
_MOST_BYTES = 64_000_000  # of a list of codes
YAML_ENDINGS = (".yml", ".yaml")

_WORDS = (
    "password|passwd|passphrase|passcode|pwd|secret|token|api_?key|access_?key|private_?key|secret_?key|credentials?"
)
_CHINESE = "密码|口令|密钥"
_KEY = re.compile(rf"(?:.*[_.])?(?:{_WORDS})|.*(?:{_CHINESE}).*")
_CAMEL = re.compile("(?<=[a-z0-9])(?=[A-Z])")
_ADDRESS = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@")
# `password=:secret` and `password = ?` of a query hold none.
_ASSIGNED = re.compile(rf"(?:password|passwd|pwd|{_CHINESE})\s*=\s*[^\s:?@$%{{]", re.I)
_NOTED = re.compile(rf"(?:password|passwd|pwd|token|api_?key|{_CHINESE})[\"'`]?\s*[:=：]\s*[^\s…<]", re.I)
_KEY_OF_LINE = re.compile(rf"(?:{_WORDS}|{_CHINESE})[\"']?[ \t]*:[ \t]*[\"']?[^\s\"'{{\[]", re.I)
# Whatever one of the above finds has one of these, and they are looked for in no time.
_SUSPECT = (
    *(b"passw", b"passphrase", b"passcode", b"pwd", b"secret", b"token", b"credential", b"://"),
    *(name + joint + b"key" for name in (b"api", b"access", b"private") for joint in (b"", b"_", b"-", b" ")),
    *(word.encode() for word in _CHINESE.split("|")),
)
_SECRET_FILES = re.compile(
    r"(?:.*\.)?secrets?\.(?:toml|ya?ml|json|ini|txt)|\.env(?:\..*)?|.*\.(?:env|pem|key|p12|pfx|jks|keystore|kdbx|ppk)|"
    r"id_(?:rsa|dsa|ecdsa|ed25519)|\.(?:pgpass|netrc|my\.cnf)|credentials(?:\..*)?",
    re.I,
)
# Ending and SHA-256 of files that were found to hold no password: a command asks of the same files many times.
_HARMLESS: set[tuple[str, bytes]] = set()
_REMEDY = (
    f"Take it out, write `secret: NAME` in the location, and give the value as {PREFIX}NAME or in {FILE} of the workspace. "
    "Have it changed if others may have read it."
)


def is_secret_file(name: str) -> bool:
    """Whether a file of this name is one in which people keep keys and passwords."""
    return _SECRET_FILES.fullmatch(name) is not None


def find_passwords(path: Path, shown: str | None = None) -> list[Finding]:
    """All that looks like a password in a file, in the order of its lines; a file that cannot be read has none to tell."""
    file = shown or path.name
    text = read_text(path, file, _MOST_BYTES)
    if isinstance(text, Finding) or not _is_suspect(text.encode()):
        return []
    if path.suffix not in YAML_ENDINGS:
        return list(_of_lines(file, text))
    document, _ = read_document(path, file)
    if document is None or document.root is None:  # whatever it is meant to be
        return list(_of_lines(file, text))
    found = [*_of_node(document, document.root, ()), *_of_comments(file, text)]
    return sorted(dict.fromkeys(found), key=lambda finding: finding.line or 0)


def without_passwords(path: Path, content: bytes) -> bytes:
    """What the archive keeps of a file: its content, or a line in its place."""
    verdict = path.suffix, hashlib.sha256(content).digest()
    if verdict in _HARMLESS or content == WITHHELD:
        return content
    if _is_suspect(content) and find_passwords(path):
        return WITHHELD
    if path.read_bytes() == content:  # the file that was searched is the one that was read
        _HARMLESS.add(verdict)
    return content


def withheld_finding(path: Path) -> list[Finding]:
    """What is told of the line that the archive keeps in place of a file; nothing of any other file."""
    text = read_text(path, path.name)
    if isinstance(text, Finding) or text.encode() != WITHHELD:
        return []
    message = "The file holds what looks like a password, so this run has not read it."
    return [Finding(path.name, "", message, "`jiceng sources check` names the line and what to do.")]


def _is_suspect(content: bytes) -> bool:
    lowered = content.lower()
    return any(word in lowered for word in _SUSPECT)


def _of_node(document: Document, node: yaml.Node, place: Place) -> Iterator[Finding]:
    """Findings of a value and all that it holds; a file that refers to itself is no document."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _of_node(document, item, (*place, index))
    elif isinstance(node, yaml.MappingNode):
        yield from _of_block(document, node, place)
    elif isinstance(node, yaml.ScalarNode) and _is_telling(node.value):
        yield document.finding(place, "The value holds what looks like a password.", _REMEDY)


def _of_block(document: Document, node: yaml.MappingNode, place: Place) -> Iterator[Finding]:
    texts = {key.value: value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    for key, value in node.value:
        here = (*place, str(key.value))
        # A custom property has its name beside its value.
        name = texts.get("property") if key.value == "value" else key.value
        is_text = isinstance(value, yaml.ScalarNode)
        if is_text and _names_password(name) and _is_literal(value.value):
            yield document.finding(here, f"`{name}` holds what looks like a password.", _REMEDY)
        else:
            yield from _of_node(document, value, here)


def _of_comments(file: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.split("\n"), start=1):
        _, _, comment = f" {line}".partition(" #")
        if _NOTED.search(comment):
            yield _of_line(file, number)


def _of_lines(file: str, text: str) -> Iterator[Finding]:
    """Findings of a text that is no YAML."""
    for number, line in enumerate(text.split("\n"), start=1):
        if any(pattern.search(line) for pattern in (_ADDRESS, _ASSIGNED, _NOTED, _KEY_OF_LINE)):
            yield _of_line(file, number)


def _of_line(file: str, number: int) -> Finding:
    return Finding(file, "", "The line holds what looks like a password.", _REMEDY, number)


def _names_password(name: object) -> bool:
    words = _CAMEL.sub("_", str(name)).replace("-", "_").replace(" ", "_").lower()
    return _KEY.fullmatch(words) is not None


def _is_literal(value: str) -> bool:
    """Whether a value is more than nothing or the name of a secret."""
    return bool(value.strip()) and value not in ("~", "null") and not NAME.fullmatch(value)


def _is_telling(value: str) -> bool:
    return _ADDRESS.search(value) is not None or _ASSIGNED.search(value) is not None
