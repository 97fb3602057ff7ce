from jobs.analyse.stage import run
from jobs.common.run.stage import stage_main

stage_main("analyse", run)
