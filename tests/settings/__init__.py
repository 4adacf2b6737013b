"""Tests of batchconv.settings."""
