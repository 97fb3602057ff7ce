"""The books of judgements: whether what people decided on pairs holds in the mentions of the night."""

from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any

from jobs.audit.entries import entry
from jobs.common.intake.judgements import Pair, all_judgements, entities_of, judgements_of, pair_of
from jobs.common.model.links import Judgement
from jobs.common.releases.books import JUDGED_TERMS
from jobs.common.run.stage import Context

_JUDGED = "judged"


def judgement_terms(context: Context) -> list[dict[str, Any]]:
    """Of each kind with judgements in force: judged, and of these together (the same, and one entity), apart (different, and two
    entities) and absent (one of the two is not current).

    What nobody obeys is none of these, so that the books do not close.
    """
    rows = all_judgements(context.lake)
    judged = judgements_of(rows, context.run.night)
    kinds = {pair_of(row["mention_id"], row["other_id"]): row["kind"] for row in rows}
    entities = entities_of(context.lake, chain(*judged))
    counts = {kinds[pair]: Counter(dict.fromkeys((_JUDGED, *JUDGED_TERMS), 0)) for pair in judged}
    for pair, decision in judged.items():
        counts[kinds[pair]].update([_JUDGED, *_held(pair, decision, entities)])
    return [entry(term, rows, kind) for kind, terms in sorted(counts.items()) for term, rows in terms.items()]


def _held(pair: Pair, decision: Judgement, entities: Mapping[str, str]) -> list[str]:
    """The term of a judgement that holds; none of one that does not."""
    one, other = map(entities.get, pair)
    if one is None or other is None:
        return ["absent"]
    if decision is Judgement.SAME:
        return ["together"] if one == other else []
    return ["apart"] if one != other else []
