"""What a connector says if it cannot give the rows of an object."""


class NotFetched(Exception):
    """An object is not there tonight; `reason` is a code of `fetch` in conf/reasons.yml, `detail` holds no value of a row."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")
