"""Tests of batchconv.operations."""
