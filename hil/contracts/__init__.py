"""What every driver of a port must do: one class of tests a port, run on byte-level peers here and on hardware on a rig.

A driver's tests derive from the port's class and give it a fixture `rig` that answers the class' Rig protocol, the far end of the
device. They need pytest and pytest-asyncio; an installed station imports none of this.
"""
