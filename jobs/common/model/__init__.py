"""The model of our records: its files, semantic types, code lists, divisions and relations."""
