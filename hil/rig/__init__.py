"""A rig of hardware: an RP2040 plays the EV to a real charging station and answers the mock bench's verbs.

`firmware` runs on the RP2040, `bridge` makes it a bench's socket, `twin` is the same firmware wired to the simulated world. How it is
built and wired: README.md beside this file; what is said on the line: PROTOCOL.md.
"""
