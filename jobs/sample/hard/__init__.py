"""What makes a town hard: the mistakes that departments really make, at rates drawn anew for each seed and each system.

Reads: nothing. Writes: nothing. Refuses: nothing.
These mistakes lie over those of the easy town. Who a row is about never changes: the truth says the same of it.
"""
