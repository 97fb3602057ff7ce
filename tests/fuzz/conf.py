"""One file of the configuration, mutated, as a steward would leave it in the workspace: it is taken, or refused by name."""

import random
from functools import cache
from pathlib import Path

from jobs.common.base.workspace import REPOSITORY_CONF, init_workspace
from jobs.common.run.conf_files import is_document
from tests.fuzz.mutate import mutate_bytes
from tests.fuzz.outcome import CRASH, Outcome
from tests.support.town import jiceng

CONTRACTS = "sources/"
_LARGEST = 100_000  # bytes; of larger code lists others of the same shape are tried
_CHECK = ("sources", "check")
_COMMANDS = (_CHECK, _CHECK, _CHECK, _CHECK, ("status",), ("doctor",))
_ENDINGS = (".yml", ".yaml", ".csv")
_BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(8)
)
_WHOLE = (
    _BOMB, b"", b"\0", b"[]", b"{}", b"1", b"- a", b"null", b"a: " * 200, b"[" * 50_000, b"{a: " * 50_000, b"- " * 50_000,
    b"a: !!python/object/apply:os.system ['true']", b"x" * 3_000_000, b"\xff\xfea\0", b"? {}", b"a: 1\na: 2", b"---\n---\n",
    b"a: 1e999999999", b"a: " + b"9" * 10_000, b"<<: *a", b"&a [*a]", b"a:\n\t- b", "键: 值".encode("gb18030"),
)  # fmt: skip


@cache
def shipped() -> dict[str, bytes]:
    """Configuration files of the repository by their names, and its suites."""
    files = {path.relative_to(REPOSITORY_CONF).as_posix(): path for path in REPOSITORY_CONF.rglob("*.*")}
    read = {name: path for name, path in sorted(files.items()) if not is_document(name)}
    return {name: path.read_bytes() for name, path in read.items() if path.stat().st_size <= _LARGEST}


def play(seed: str, folder: Path) -> Outcome:
    """One file of any kind but a contract."""
    draw = random.Random(seed)
    return try_conf(draw, folder, draw.choice([name for name in shipped() if not name.startswith(CONTRACTS)]))


def try_conf(draw: random.Random, folder: Path, name: str) -> Outcome:
    """What a command says of the workspace with this file mutated: nothing, or a line that names it."""
    workspace = init_workspace(folder / "workspace")
    path = workspace.conf / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = mutate_text(draw, shipped()[name]) if draw.random() < 0.9 else draw.choice(_WHOLE)
    path.write_bytes(content)
    command = draw.choice(_COMMANDS)
    answer = jiceng(*command, "--home", workspace.home)
    said = answer.out + answer.err
    place = f"{' '.join(command)} with {name.rpartition('/')[0] or name}"
    if "Traceback" in said or answer.code not in (0, 2):
        last = said.strip().splitlines()[-1:] or [""]
        return Outcome(1, [(CRASH, place, f"exit code {answer.code}: {last[0][:200]}")])
    # Of a broken model contracts are refused, which is as right as to refuse the model.
    if command == _CHECK and answer.code == 2 and not any(ending in said for ending in _ENDINGS):
        return Outcome(1, [(CRASH, place, f"the message names no file: {said.split()[:20]}")])
    return Outcome(1, [])


_YAML_PIECES = (
    b"- ", b": ", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"!!int ", b"'", b'"', b"|", b">", b"#", b"\n", b"  ", b"\t", b"null",
    b"true", b"no", b"1", b"-1", b"1e9", b"2026-01-01", b"~", b"<<: ", b"? ", b"\xef\xbb\xbf", b"\xc2\x85", b"\xff", b"0x1f",
    b"1_000", b"01:30", b"[a, b]", b"{a: b}", b",", b'"""', b"",
)  # fmt: skip


def mutate_text(draw: random.Random, content: bytes) -> bytes:
    """Lines and words changed, as an editor or a person would; or bytes."""
    if draw.random() < 0.3:
        return mutate_bytes(draw, content)
    lines = content.split(b"\n")
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(len(lines))
        line, what = lines[at], draw.randrange(7)
        if what == 0:
            lines[at] = b""
        elif what == 1:
            lines.insert(at, line)
        elif what == 2:
            lines[at] = b" " * draw.choice((1, 2, 4)) + line
        elif what == 3:
            lines[at] = line.lstrip()
        elif what == 4:
            key, colon, _ = line.partition(b":")
            lines[at] = key + colon + b" " + draw.choice(_YAML_PIECES)
        elif what == 5:
            place = draw.randrange(len(line) + 1)
            lines[at] = line[:place] + draw.choice(_YAML_PIECES) + line[place:]
        else:
            other = draw.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)
