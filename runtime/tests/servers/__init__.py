"""Servers that the tests start for themselves, real ones where there are any."""
