"""Tests of batchconv.simulator."""
