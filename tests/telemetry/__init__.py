"""Tests of batchconv.telemetry."""
