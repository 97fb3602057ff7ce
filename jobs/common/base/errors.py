"""What a user can cause and mend. Anything else is a defect and may show its stack trace."""

CRASHED = 1
REFUSED = 3
BUSY = 4


class UserError(Exception):
    """A mistake of use, workspace or configuration: one clear sentence, no stack trace, exit code 2."""

    exit_code = 2


class Fault(UserError):
    """The machine fails: a full disk, a damaged table. One clear sentence with the remedy. Exit code 1."""

    exit_code = CRASHED


class Refusal(UserError):
    """The gate or the books refuse the release; nothing was released. Exit code 3."""

    exit_code = REFUSED


class Busy(UserError):
    """Another run is live in this workspace. Exit code 4."""

    exit_code = BUSY
