"""The training processes: all that imports torch. They read and write files only; storage and
reports are the first process's."""
