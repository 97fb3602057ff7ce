"""The pages: the last night, quality, sources, releases."""
