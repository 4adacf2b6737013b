"""Tests of batchconv.cli."""
