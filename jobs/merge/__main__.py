from jobs.common.run.stage import stage_main
from jobs.merge.stage import run

stage_main("merge", run)
