"""Tests of batchconv.sending."""
