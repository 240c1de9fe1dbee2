"""The first process of the container: light, it checks, starts the training, uploads and reports."""
