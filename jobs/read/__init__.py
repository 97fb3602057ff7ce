"""What the commands print and export: status, books, explanations, the dictionary, queries. Writes nothing to the lake."""
