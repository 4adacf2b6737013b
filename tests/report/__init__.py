"""Tests of batchconv.report."""
