"""Run the matchers of each kind, and find the clusters that follow from what they decide and people have judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.intake.judgements import Pair
from jobs.common.lake.engine import run_concurrently, session
from jobs.common.lake.versions import union_all
from jobs.common.model.links import Judgement
from jobs.match.clusters import NOTHING_JUDGED, Edges, Judged, accepted_edges, find_roots, join_edges
from jobs.match.cut_ids import part_ids
from jobs.match.match_run import MatchRun
from jobs.match.matcher import Known, Matcher
from jobs.match.matchers import MATCHERS, builds_on
from jobs.match.mentions import IDENTITY, KINDS
from jobs.match.pairs import DECISION
from jobs.match.residents import KIND as RESIDENT


def decide_all(run: MatchRun, mentions: DataFrame) -> tuple[DataFrame, DataFrame]:
    """All decisions on pairs, and the clusters: `number` and `root` of mentions with another root.

    Kinds are worked on at the same time, and after them households, which depend on who lives where.
    """
    judged = judged_by_kind(run, mentions)
    compared = mentions.drop(*(name for name in IDENTITY if name != "kind"))
    settled: dict[str, DataFrame] = {}

    def settle(kind: str) -> KindWork:
        work = KindWork(run, kind, compared, settled, judged.get(kind, NOTHING_JUDGED))
        work.decide_all()
        return work

    works = []
    for kinds in (KINDS[:-1], KINDS[-1:]):
        done = run_concurrently(settle, kinds)
        settled |= {work.kind: work.all_roots() for work in done}
        works += done
    decisions = [frame for work in works for frame in work.decisions.values()]
    parted = part_ids(run, mentions, settled[RESIDENT], judged.get(RESIDENT, NOTHING_JUDGED))
    if parted is not None:
        decisions.append(parted.select(*DECISION))
    return union_all(decisions), union_all(list(settled.values()))


@dataclass(frozen=True)
class KindWork:
    """The mentions of one kind as its matchers decide on them, one after the other.

    `settled` has the clusters of the kinds before. `frames`, `edges` and `decisions` grow as matchers decide.
    """

    run: MatchRun
    kind: str
    mentions: DataFrame
    settled: Mapping[str, DataFrame]
    judged: Judged
    frames: dict[str, DataFrame] = field(default_factory=dict)
    edges: dict[str, Edges] = field(default_factory=dict)
    decisions: dict[str, DataFrame] = field(default_factory=dict)

    def decide_all(self) -> None:
        """Let all matchers of the kind decide, and find the clusters that follow."""
        for matcher in MATCHERS:
            if matcher.kind == self.kind:
                self.decide(matcher)
        self.all_roots()

    def decide(self, matcher: Matcher) -> None:
        """Keep what the matcher decides, with the columns of `DECISION`; pairs of a mention with itself are left out."""
        before = builds_on(matcher, MATCHERS)
        decided = union_all([self.decisions[name] for name in before]) if before else None

        def roots(kind: str) -> DataFrame:
            return self.roots_after(before) if kind == self.kind else self.settled[kind]

        known = Known(self.kind, self.mentions, decided, roots, self.once, self.run.is_well_known)
        found = matcher.decide(matcher.compare(known))
        frame = self.run.scratch_table(f"{matcher.name}-decided", found) if isinstance(found, pa.Table) else found
        names = {"kind": F.lit(matcher.kind), "matcher": F.lit(matcher.name)}
        frame = frame.where(F.col("number") != F.col("other")).withColumns(names).select(*DECISION)
        self.decisions[matcher.name] = self.run.scratch(matcher.name, frame)
        self.edges[matcher.name] = accepted_edges(
            self.run.kept(matcher.name, ["number", "other", "weight", "decision"])
        )

    def once(self, label: str, make: Callable[[], DataFrame]) -> DataFrame:
        """A frame that several steps use, computed once: what a frame is made of is planned again wherever it is used."""
        if label not in self.frames:
            self.frames[label] = self.run.scratch(f"{self.kind}-{label}", make())
        return self.frames[label]

    def roots_after(self, names: Sequence[str]) -> DataFrame:
        """`number` and `root` of mentions with another root by what these matchers have decided."""
        label = "+".join(["roots", *names])
        if label not in self.frames:
            found = find_roots(join_edges(self.edges[name] for name in names), self.judged)
            self.frames[label] = self.run.scratch_table(f"{self.kind}-roots-{len(names)}", found)
        return self.frames[label]

    def all_roots(self) -> DataFrame:
        """As `roots_after`, of all matchers of the kind."""
        return self.roots_after(sorted(self.decisions))


def judged_by_kind(run: MatchRun, mentions: DataFrame) -> dict[str, Judged]:
    """Judgements on pairs of which both mentions are looked at; a pair of two kinds is none."""
    if not run.judgements:
        return {}
    numbers = numbers_of_judged(mentions, {*chain(*run.judgements)})
    same, different = (pairs_judged(run.judgements, word) for word in (Judgement.SAME, Judgement.DIFFERENT))
    return {kind: Judged(in_numbers(same, own), in_numbers(different, own)) for kind, own in numbers.items()}


def numbers_of_judged(mentions: DataFrame, named: set[str]) -> dict[str, dict[str, int]]:
    """Kind -> mention -> number, of the named mentions that are current."""
    wanted = session().createDataFrame([(mention,) for mention in sorted(named)], "mention_id string")
    rows = mentions.join(wanted, "mention_id", "left_semi").select("kind", "mention_id", "number")
    numbers: dict[str, dict[str, int]] = {}
    for row in rows.toArrow().to_pylist():
        numbers.setdefault(row["kind"], {})[row["mention_id"]] = row["number"]
    return numbers


def pairs_judged(judgements: Mapping[Pair, Judgement], decision: Judgement) -> list[Pair]:
    """The pairs with one decision."""
    return [pair for pair, decided in judgements.items() if decided == decision]


def in_numbers(pairs: list[Pair], numbers: Mapping[str, int]) -> list[tuple[int, int]]:
    """The pairs of which both mentions have a number."""
    return [(numbers[one], numbers[other]) for one, other in pairs if one in numbers and other in numbers]
