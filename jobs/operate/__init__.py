"""Work on a workspace as a whole: a night, a replay, decisions, a trial of a file, a check of the machine."""
