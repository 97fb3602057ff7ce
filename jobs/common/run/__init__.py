"""The configuration in force, runs, and what every stage shares."""
