"""Rows to train on: fetched, detected, validated and loaded. Imports neither torch nor datasets."""

from trainer_runtime.datasets.check import REJECTED_NAME, check_datasets
from trainer_runtime.datasets.facts import DatasetFacts, FileFacts
from trainer_runtime.datasets.load import load_numbered_rows, load_rows
from trainer_runtime.datasets.problems import DatasetInvalid, Problem

__all__ = [
    "REJECTED_NAME",
    "DatasetFacts",
    "DatasetInvalid",
    "FileFacts",
    "Problem",
    "check_datasets",
    "load_numbered_rows",
    "load_rows",
]
