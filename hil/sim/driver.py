"""People and their cars at one EVSE: they plug, present cards, wait, change their minds and drive away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from controller.ocpp.v16.tokens import NO_TOKEN
from hil.csms.tokens import Tokens
from hil.plant.values import PlantError
from hil.sim.chance import CROWDED, Dice, Pace
from hil.sim.operator import Operator
from hil.sim.world import SimWorld

GOOD = ("04A2B3C4D5E680", "04FFEEDDCCBBAA", "A1B2C3D4", "0102030405060708090A", "DRIVER-5")
OF_ONE_GROUP = ("11223344", "55667788")
BAD = ("DEADBEEF", "04BBBBBBBBBBB0")  # blocked, and one the CSMS has never heard of

_COMES = {
    "plugs first": 50,
    "card first": 15,
    "remote": 14,
    "remote first": 6,
    "both at once": 6,
    "never authorises": 7,
    "never plugs": 4,
}
_GOES = {"card": 40, "unplugs": 22, "remote": 14, "another card of the group": 6, "when full": 18}
_ACTS = {"pause": 5, "draws otherwise": 2, "shows a foreign card": 2, "waits": 6}
_CARD_AGAIN_S = 3.0  # a reader takes the same card once in a while


def know_cards(tokens: Tokens) -> None:
    """Tell a CSMS of everybody's cards."""
    tokens.default = "Invalid"
    for value in GOOD:
        tokens.add(value)
    for value in OF_ONE_GROUP:
        tokens.add(value, group="FLEET")
    tokens.add(BAD[0], "Blocked")
    tokens.add(NO_TOKEN)  # in 1.6 an operator who lets anybody charge knows this one, too


class Driver:
    """One EVSE's succession of visitors. note: told of everything that is done."""

    def __init__(
        self,
        world: SimWorld,
        evse: int,
        dice: Dice,
        operator: Operator,
        note: Callable[[str], None],
        pace: Pace = CROWDED,
    ) -> None:
        self._world = world
        self._evse = evse
        self._dice = dice
        self._operator = operator
        self._note = note
        self._pace = pace
        self._token = GOOD[0]
        self.visits = 0

    async def visit(self) -> None:
        """One visit, from arriving to leaving an empty place."""
        dice = self._dice
        await self._world.sleep(self._pace.until_visit(dice))
        self.visits += 1
        self._token = dice.one_of(*GOOD, *GOOD, *OF_ONE_GROUP, *BAD)
        how = dice.weighed(_COMES)
        arrivals: dict[str, Callable[[], Awaitable[bool]]] = {
            "plugs first": self._plug_then_card,
            "card first": self._card_then_plug,
            "remote": self._plug_then_remote,
            "remote first": self._remote_then_plug,
            "both at once": self._plug_then_both,
            "never authorises": self._only_plug,
            "never plugs": self._only_card,
        }
        self._note(f"EVSE {self._evse}: a visitor: {how}, {self._token}")
        if await arrivals[how]():
            await self._stay()
            await self._go()
        if self.leave() and dice.happens(0.8):  # some forget their cable
            await self._world.sleep(dice.lasting(_CARD_AGAIN_S, 60))
            self._swipe(self._token)

    def leave(self) -> bool:
        """Take the car away, if there is one. Return whether the cable stays behind, locked."""
        if not self._world.plant.evses[self._evse].is_plugged:
            return False
        held: bool = self._world.verb("unplug", evse=self._evse)["cable_held"]
        self._note(f"EVSE {self._evse}: unplugs{', the cable is held' if held else ''}")
        return held

    async def charge_once(self) -> None:
        """A plain visit with a good card. Raises AssertionError where no energy flows."""
        assert await self._plug({"phases": 3}), f"EVSE {self._evse}: no plug goes in"
        await self._world.sleep(5)
        evse, before = self._evse, self._energy_wh()
        self._swipe(GOOD[0])
        await self._world.until(lambda: self._energy_wh() > before + 100, 300, f"energy flows at EVSE {evse}")
        self._swipe(GOOD[0])
        await self._world.sleep(20)
        self.leave()
        await self._world.sleep(20)

    # --- arriving

    async def _plug_then_card(self) -> bool:
        if not await self._plug(self._car()):
            return False
        await self._world.sleep(self._dice.lasting(0.5, 60))
        self._swipe(self._token)
        if self._dice.happens(0.1):  # did it take the card?
            await self._world.sleep(self._dice.lasting(1.6, 5))
            self._swipe(self._token)
        return True

    async def _card_then_plug(self) -> bool:
        self._swipe(self._token)
        await self._world.sleep(self._dice.lasting(0.5, 200))
        return await self._plug(self._car())

    async def _plug_then_remote(self) -> bool:
        if not await self._plug(self._car()):
            return False
        await self._world.sleep(self._dice.lasting(0.5, 60))
        await self._operator.start(self._evse, self._token)
        return True

    async def _plug_then_both(self) -> bool:
        """At the charger and with the app: who is served first, is served."""
        if not await self._plug(self._car()):
            return False
        await self._world.sleep(self._dice.lasting(0.5, 60))
        self._swipe(self._token)
        await self._operator.start(self._evse, self._token)
        return True

    async def _remote_then_plug(self) -> bool:
        await self._operator.start(self._evse, self._token)
        await self._world.sleep(self._dice.lasting(0.5, 200))
        return await self._plug(self._car())

    async def _only_plug(self) -> bool:
        if await self._plug(self._car()):
            await self._world.sleep(self._dice.lasting(1, 1800))
        return False

    async def _only_card(self) -> bool:
        self._swipe(self._token)
        await self._world.sleep(self._dice.lasting(1, 60))
        return False

    async def _plug(self, car: dict[str, Any]) -> bool:
        """Try to plug in, again after a while where the lock is not open."""
        cable_a = self._dice.one_of(13, 20, 32, 32, 63)
        for _ in range(20):
            try:
                self._world.verb("plug_in", evse=self._evse, ev=car, cable_a=cable_a)
            except PlantError:
                await self._world.sleep(15)
            else:
                self._note(f"EVSE {self._evse}: plugs in {car}, cable of {cable_a} A")
                return True
        self._note(f"EVSE {self._evse}: no plug goes in, drives on")
        return False

    def _car(self) -> dict[str, Any]:
        dice = self._dice
        car: dict[str, Any] = {"phases": dice.one_of(1, 1, 3, 3, 2), "max_a": dice.one_of(6.0, 10.0, 16.0, 32.0, 32.0)}
        if dice.happens(0.3):
            car |= {"capacity_kwh": dice.between(1, 20), "soc_pct": dice.between(10, 99)}
        for trait, probability in (("ignores_pwm_off", 0.1), ("slow", 0.15), ("sleepy", 0.1), ("no_s2", 0.05)):
            if dice.happens(probability):
                car[trait] = True
        if dice.happens(0.1):
            car["bcb"] = dice.one_of(1, 3)
        if dice.happens(0.2):
            car["imbalance"] = [dice.between(0.5, 1.0) for _ in range(3)]
        return car

    # --- staying

    async def _stay(self) -> None:
        until = self._world.now + self._dice.lasting(self._pace.stays_s, 4 * 3600)
        while self._world.now < until:
            await self._world.sleep(min(self._dice.lasting(10, 3600), until - self._world.now + 0.001))
            match self._dice.weighed(_ACTS):
                case "pause":
                    await self._pause()
                case "draws otherwise":
                    self._note(f"EVSE {self._evse}: draws 5.5 A for a while")
                    self._world.verb("ev", evse=self._evse, pilot="C", draw_a=5.5)
                    await self._world.sleep(self._dice.lasting(10, 600))
                    self._world.verb("resume", evse=self._evse)
                case "shows a foreign card":
                    self._swipe(self._dice.one_of(*GOOD, *BAD))

    async def _pause(self) -> None:
        self._note(f"EVSE {self._evse}: pauses")
        self._world.verb("pause", evse=self._evse)
        await self._world.sleep(self._dice.lasting(1, 1800))
        self._world.verb("resume", evse=self._evse)

    # --- going

    async def _go(self) -> None:
        dice, how = self._dice, self._dice.weighed(_GOES)
        self._note(f"EVSE {self._evse}: goes: {how}")
        match how:
            case "card":
                self._swipe(self._token)
                await self._world.sleep(dice.lasting(_CARD_AGAIN_S, 600))
            case "remote":
                await self._operator.stop(self._evse)
                await self._world.sleep(dice.lasting(1, 600))
            case "another card of the group":
                self._swipe(dice.one_of(*OF_ONE_GROUP))
                await self._world.sleep(dice.lasting(1, 600))
            case "when full":
                await self._world.sleep(dice.lasting(60, 3600))

    def _swipe(self, token: str) -> None:
        self._note(f"presents {token}")
        try:
            self._world.verb("swipe", token=token)
        except PlantError as error:
            self._note(str(error))  # the reader is gone

    def _energy_wh(self) -> float:
        return self._world.plant.observed.evses[self._evse].energy_wh
