"""The world outside the Pi as a sans-I/O model: EV, wiring, contactor, lock, RCD, one-shot, mains, meter, cards."""

from hil.plant.plant import Plant
from hil.plant.values import Edge, PlantError, PlantEvse, PlantReader

__all__ = ["Edge", "Plant", "PlantError", "PlantEvse", "PlantReader"]
