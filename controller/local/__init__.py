"""The local control API: one Unix socket, one JSON object a line. The command line is one of its clients."""
