"""Tests of README and of the manual."""
