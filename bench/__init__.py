"""Callwright measured against the physical limits of the machine it runs on, both in one run."""
