import pytest

from hil.plant import Plant, PlantEvse, PlantReader

START_S = 1000.0


class Station:
    """The least controller: what a test does by hand to one EVSE of a plant, with kicks that come by themselves."""

    def __init__(self, plant: Plant, evse: int = 1) -> None:
        self.plant = plant
        self.evse = evse

    def start(self) -> "Station":
        self.plant.imply_kicks(True)
        self.plant.cp_enable(self.evse, True)
        self.plant.pwm(self.evse, None, True)
        return self

    def offer(self, amps: float) -> "Station":
        """Advertise amps on the pilot; 0: X1."""
        self.plant.pwm(self.evse, amps / 0.6 if amps else None, True)
        return self

    def close(self) -> "Station":
        self.plant.contactor(self.evse, True)
        return self

    def open(self) -> "Station":
        self.plant.contactor(self.evse, False)
        return self

    def after(self, seconds: float) -> "Station":
        self.plant.advance(self.plant.now + seconds)
        return self

    @property
    def load(self) -> str:
        ev = self.plant.evses[self.evse].ev
        return ev.load.value if ev is not None else "A"

    @property
    def amps(self) -> tuple[float, float, float]:
        return self.plant.observed.evses[self.evse].current_a

    @property
    def is_closed(self) -> bool:
        return self.plant.observed.evses[self.evse].contact_closed

    @property
    def energy_wh(self) -> float:
        return self.plant.observed.evses[self.evse].energy_wh

    def edges(self, what: str) -> list[tuple[float, object]]:
        found = self.plant.observed.evses[self.evse].edges
        return [(edge.at_s, edge.value) for edge in found if edge.what == what]

    def charging(self, amps: float = 16.0, **ev: object) -> "Station":
        """Plug in and bring it to a steady charge."""
        self.start()
        self.plant.verb("plug_in", evse=self.evse, ev=ev)
        self.offer(amps).after(4.0)
        return self.close().after(6.0)


@pytest.fixture
def plant() -> Plant:
    evses = (PlantEvse(1), PlantEvse(2, tethered=True, phases=1, cable_a=32))
    return Plant(evses, START_S, readers=(PlantReader("pn532", "uid"), PlantReader("line", "line")), seed=7)


@pytest.fixture
def station(plant: Plant) -> Station:
    return Station(plant)


@pytest.fixture
def tethered_station(plant: Plant) -> Station:
    """The second EVSE: one phase, an attached cable."""
    return Station(plant, 2)
