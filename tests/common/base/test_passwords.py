"""What looks like a password in configuration: found by its line, never repeated, never archived; and what only looks so."""

from pathlib import Path

import pytest

from jobs.common.base.passwords import find_passwords, is_secret_file, without_passwords

FOUND = {
    "a key": ("a: 1\npassword: hunter2\n", 2),
    "a key in quotes": ('"password": "hunter2"\n', 1),
    "a number": ("pwd: 4711\n", 1),
    "in capitals": ("DB_PASSWORD: hunter2\n", 1),
    "camel case": ("dbPassword: hunter2\n", 1),
    "an api key": ("a:\n  api-key: hunter2\n", 2),
    "a token": ("access_token: hunter2\n", 1),
    "in Chinese": ("数据库密码: hunter2\n", 1),
    "a word of Chinese": ("口令: hunter2\n", 1),
    "a secret that is no name": ("secret: hunter2\n", 1),
    "a custom property": ("- {property: password, value: hunter2}\n", 1),
    "a custom property, turned round": ("- value: hunter2\n  property: password\n", 1),
    "over several lines": ("password: |\n  hunter2\n", 1),
    "deep inside": ("a: [{b: {passwd: hunter2}}]\n", 1),
    "an address": ("a: postgres://police:hunter2@10.0.0.5/people\n", 1),
    "an address without a user": ("a: ['redis://:hunter2@10.0.0.5']\n", 1),
    "other words": ("a: host=10.0.0.5 password=hunter2\n", 1),
    "a comment": ("a: 1\n# password: hunter2\n", 2),
    "a comment behind a value": ("a: 1  # 密码：hunter2\n", 1),
    "no YAML": ("a: [\npassword: hunter2\n", 2),
    "no YAML, an address": ("a: [\nb: x://y:hunter2@z\n", 2),
}
HARMLESS = {
    "the name of a secret": "secret: POLICE_DB\n",
    "no value": "password:\n",
    "nothing": "password: ~\n",
    "a block": "password_protected: {zh: 工作簿有密码保护, en: The workbook is protected by a password}\npassword: {a: 1}\n",
    "a name": "- {name: password, physicalName: 密码}\n",
    "a parameter": "query: select a from b where password = :secret and pwd=? and token = $1\n",
    "an address without a user": "a: https://example.com/a:b@c\n",
    "a mail": "a: mailto:office@example.com\n",
    "another word": "tokens_of_text: 3\nsecretary: 张三\npasswords_per_row: 1\n",
    "a comment of many": "a: token\n#" + " # x" * 100_000,
    "a text of letters": "[\n" + "x" * 500_000 + " token",
    "a comment that only speaks": "a: 1  # the password is handed in by hand\n",
}


@pytest.mark.parametrize("case", FOUND)
def test_a_password_is_found_by_its_line_and_not_archived(tmp_path: Path, case: str) -> None:
    text, line = FOUND[case]
    path = tmp_path / "desk.odcs.yaml"
    path.write_text(text, encoding="utf-8")
    [finding] = find_passwords(path)
    assert (finding.file, finding.line) == ("desk.odcs.yaml", line)
    assert "what looks like a password. Take it out, write `secret: NAME`" in str(finding)
    assert "hunter2" not in str(finding)
    assert b"hunter2" not in without_passwords(path, path.read_bytes())


@pytest.mark.parametrize("case", HARMLESS)
def test_what_only_looks_like_one_is_left_alone(tmp_path: Path, case: str) -> None:
    path = tmp_path / "desk.odcs.yaml"
    path.write_text(HARMLESS[case], encoding="utf-8")
    assert find_passwords(path) == []
    assert without_passwords(path, path.read_bytes()) == path.read_bytes()


def test_a_list_of_codes_and_a_note_are_looked_through(tmp_path: Path) -> None:
    for name, text in (("sex.csv", "code,label\n1,https://a:hunter2@b\n"), ("README.md", "\npassword: hunter2\n")):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        assert [finding.line for finding in find_passwords(path)] == [2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("secrets.toml", True), ("SECRETS.TOML", True), ("police.secrets.toml", True), ("secret.yml", True), (".env", True),
        ("prod.env", True), ("server.pem", True), ("server.key", True), ("id_rsa", True), ("credentials.json", True),
        ("sex.csv", False), ("police.odcs.yaml", False), ("keys.csv", False), ("secrets.md", False), ("key", False),
        ("environment.yml", False),
    ],
)  # fmt: skip
def test_files_of_keys_are_known_by_their_names(name: str, expected: bool) -> None:
    assert is_secret_file(name) is expected
