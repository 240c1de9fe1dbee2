"""Where data comes from and results go: files, S3 and, to read, https."""
