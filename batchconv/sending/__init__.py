"""Conversions → Replies: the worker pool, its limits, retries and the HTTP client."""
