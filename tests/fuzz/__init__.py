"""Seeded fuzzing of what strangers hand in: exports, names, configuration, contracts, whole nights."""
