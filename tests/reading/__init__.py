"""Tests of batchconv.reading."""
