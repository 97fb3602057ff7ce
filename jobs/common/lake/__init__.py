"""Delta tables and the engine: declared schemas, reading, writing, versions by night, what is wrong with a damaged table."""
