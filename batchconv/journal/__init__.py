"""Outcomes → files, and back: what every run writes, and how it is read again."""
