"""What every room stands on: the workspace, errors, documents of configuration, names of files. Knows no table."""
