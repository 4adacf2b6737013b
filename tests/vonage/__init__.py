"""Tests of batchconv.vonage."""
