from jobs.audit.stage import run
from jobs.common.run.stage import stage_main

stage_main("audit", run)
