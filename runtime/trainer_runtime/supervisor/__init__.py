"""The first process of the container: it checks, starts the training, uploads and reports."""
