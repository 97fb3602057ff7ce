"""Words of the tables of links that several rooms use: what was decided on a pair of mentions, and why."""

from enum import StrEnum


class Decision(StrEnum):
    """What a matcher decides on a pair of mentions: `links.edge.decision`."""

    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


class EdgeReason(StrEnum):
    """Reasons of `links.edge` that more than one matcher or room uses; the others are named where they are given."""

    # The id number belongs to another resident, so that merge does not publish it.
    ID_HELD_BY_ANOTHER = "id_held_by_another"
    # The id number does not fit the birth date, and who has name, birth date and contact has another that fits.
    ID_DOES_NOT_FIT = "id_does_not_fit"
    # Several entities have what a mention is recognised by: none of them is chosen.
    NAMES_SEVERAL = "names_several"


# A mention that a pair of these reasons begins with has an id number that is not its own.
COPIED_ID = (EdgeReason.ID_HELD_BY_ANOTHER, EdgeReason.ID_DOES_NOT_FIT)


class Judgement(StrEnum):
    """What a person decided on a pair of mentions: `links.judgement.decision`."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


# Why a mention is of its entity if people alone have said so; no reason of a matcher.
JUDGED_SAME = "judged_same"


class JudgementState(StrEnum):
    """Whether a judgement holds: `links.judgement.state`."""

    STANDING = "standing"
    REVOKED = "revoked"
