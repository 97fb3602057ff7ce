"""Releases: what readers see, how a candidate becomes it, and the books a release must balance."""
