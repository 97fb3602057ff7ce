from jobs.common.run.stage import stage_main
from jobs.release.stage import run

stage_main("release", run, options={"approved-by": "who lets it through although rules fail", "because": "why"})
