"""Rows to train on: fetched, detected, validated and loaded."""
