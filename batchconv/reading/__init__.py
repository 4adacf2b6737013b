"""Inputs → Conversions: names become bytes, bytes become Rows, Rows become Conversions."""
