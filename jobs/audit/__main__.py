from jobs.audit.stage import run
from jobs.common.stage import stage_main

stage_main("audit", run)
