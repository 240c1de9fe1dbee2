"""Fine-tunes the model that a `TRAINING_*` environment asks for, and uploads it."""

__version__ = "0.1.0"
