"""Data contracts of the source systems: the standard, our own rules beyond it, and what they say of an export."""
