"""Secrets: their values come from the environment or a file that others cannot read, and no message holds one."""

from pathlib import Path

import pytest

from jobs.common.base.secrets import NoSecret, find_secret

CANARY = "canary-4711"


def write(home: Path, text: str, mode: int = 0o600) -> Path:
    path = home / "secrets.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 'DESK_DB = "of the file"\nDESK_API = "of the file"\n')
    monkeypatch.setenv("JICENG_SECRET_DESK_DB", "of the environment")
    assert find_secret(tmp_path, "DESK_DB") == "of the environment"
    assert find_secret(tmp_path, "DESK_API") == "of the file"


def test_a_secret_that_is_set_nowhere_is_told_with_both_places(tmp_path: Path) -> None:
    with pytest.raises(NoSecret) as refused:
        find_secret(tmp_path, "DESK_DB")
    assert "JICENG_SECRET_DESK_DB" in str(refused.value)
    assert str(tmp_path / "secrets.toml") in str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o700, 0o400, 0o4600])
def test_a_file_of_another_mode_is_refused_in_one_line(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path, f'DESK_DB = "{CANARY}"\n', mode)
    with pytest.raises(NoSecret) as refused:
        find_secret(tmp_path, "DESK_DB")
    told = f"{path} has mode {mode:04o}, and others must not read it; `chmod 600 {path}`"
    assert str(refused.value) == told


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "secrets.toml").symlink_to(write(tmp_path / "elsewhere", f'DESK_DB = "{CANARY}"\n'))
    with pytest.raises(NoSecret, match="cannot be read"):
        find_secret(tmp_path, "DESK_DB")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"DESK_DB = {CANARY}\n", "is not valid TOML (line 1, column 11)"),
        (f'DESK_DB = "{CANARY}\n', "is not valid TOML (line 1, column "),
        (f'DESK_DB = ["{CANARY}"]\n', "DESK_DB is no text"),
        ("DESK_DB = 4711\n", "DESK_DB is no text"),
        ('DESK_DB = ""\n', "DESK_DB is no text"),
    ],
)
def test_a_file_that_cannot_be_read_tells_no_value(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, text)
    with pytest.raises(NoSecret) as refused:
        find_secret(tmp_path, "DESK_DB")
    assert told in str(refused.value)
    assert CANARY not in str(refused.value)
    assert "4711" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
