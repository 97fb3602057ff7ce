"""An Airflow that asks who one is."""

import json
from collections.abc import Mapping
from pathlib import Path


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
