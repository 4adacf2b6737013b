"""Tests of batchconv.journal."""
