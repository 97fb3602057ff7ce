from jobs.common.run.stage import stage_main
from jobs.harmonise.stage import run

stage_main("harmonise", run)
