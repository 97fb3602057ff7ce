from jobs.common.run.stage import stage_main
from jobs.match.stage import run

stage_main("match", run)
