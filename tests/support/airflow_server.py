"""An API server of Airflow, and one that asks who one is."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jobs.demo.airflow import AIRFLOW, answers, end_group

PATIENCE = 60


def with_login(settings: Mapping[str, str], users: Mapping[str, str]) -> dict[str, str]:
    """Settings of an Airflow with these users and their roles; each user's password is their name."""
    passwords = Path(settings["AIRFLOW_HOME"]) / "passwords.json"
    passwords.write_text(json.dumps({name: name for name in users}))
    return {
        **settings,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in users.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }


@contextmanager
def serving(settings: Mapping[str, str], log: Path) -> Iterator[str]:
    """An API server for the length of the block; its address."""
    with log.open("w") as handle:
        server = subprocess.Popen(
            [*AIRFLOW, "api-server"], env=settings, stdout=handle, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 3 * PATIENCE
        while not answers(settings["AIRFLOW__API__BASE_URL"]):
            assert server.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, "the API server does not answer"
            time.sleep(0.5)
        yield settings["AIRFLOW__API__BASE_URL"]
    finally:
        end_group(server)
