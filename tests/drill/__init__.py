"""Bad nights, rehearsed on a small sample town: what the operator sees, what to do, and whether anything is lost."""
