"""Pages to look at in a browser: the last night, quality, sources, releases; Airflow shows them behind its login."""
