"""Ground floor of the pipeline: engine, tables, workspace, contracts. Imports nothing else of `jobs`."""
