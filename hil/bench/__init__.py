"""The mock bench: the plant in a process of its own, behind pages, files, serial ports and a socket."""
