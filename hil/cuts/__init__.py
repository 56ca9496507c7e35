"""Power cuts for the store: what reaches the file system is written down, and the disk is played back as a cut may leave it."""
