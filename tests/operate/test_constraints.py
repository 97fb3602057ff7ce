"""What people decide must hold together: decisions in their order -> what the last one contradicts.

a=b  the same        a!b  different        a?b  unsure
"""

import pytest

from jobs.common.intake.judgements import pair_of
from jobs.common.model.links import Judgement
from jobs.operate.constraints import Constraints

WORDS = {"=": Judgement.SAME, "!": Judgement.DIFFERENT, "?": Judgement.UNSURE}
CASES: dict[str, tuple[str, str | None]] = {
    "nothing before": ("a=b", None),
    "a third": ("a=b b=c", None),
    "not all of three are one": ("a=b b=c a!c", "a=b, b=c"),
    "in another order": ("a!c a=b b=c", "a=b, a!c"),
    "over a long way": ("a=b b=c c=d d=e a!e", "a=b, b=c, c=d, d=e"),
    "two groups that are apart": ("a=b c=d b!c a=d", "a=b, b!c, c=d"),
    "turned round": ("a=b a!b", "a=b"),
    "turned round the other way": ("a!b b=a", "a!b"),
    "different in a ring is no contradiction": ("a!b b!c c!a", None),
    "the same in a ring": ("a=b b=c c=a", None),
    "unsure binds nobody": ("a?b a=b", None),
    "and takes nothing back": ("a=b a?b", "a=b"),
    "strangers": ("a=b c!d e=f", None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_decision_contradicts(case: str) -> None:
    text, expected = CASES[case]
    *before, last = [(pair_of(word[0], word[2]), WORDS[word[1]], word) for word in text.split()]
    standing = Constraints()
    for pair, decision, name in before:
        assert standing.why_not(pair, decision) is None
        standing.add(pair, decision, name)
    assert standing.why_not(last[0], last[1]) == expected


def test_the_same_decision_is_known_and_another_is_not() -> None:
    standing = Constraints()
    standing.add(("a", "b"), Judgement.SAME, "first")
    assert standing.knows(("a", "b"), Judgement.SAME)
    assert not standing.knows(("a", "b"), Judgement.DIFFERENT)
    assert not standing.knows(("a", "c"), Judgement.SAME)
