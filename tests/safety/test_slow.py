"""Who held the safety loop up: the longest call of those that just were too long, and nobody when none was."""

from __future__ import annotations

from controller.safety.slow import SlowCalls
from tests.drivers.driver_rig import HandClock


class Driver:
    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self.takes_s = 0.0

    def is_active(self) -> bool:
        self._clock.sleep(self.takes_s)
        return True


def test_the_longest_recent_call_is_named_and_an_old_one_is_not() -> None:
    clock = HandClock()
    slow = SlowCalls(clock)
    drivers = [Driver(clock), Driver(clock)]
    for number, driver in enumerate(drivers, 1):
        slow.watch(driver, f"[input.{number}]", ("is_active",))
    assert all(driver.is_active() for driver in drivers) and slow.named(0.3) == ""
    drivers[0].takes_s, drivers[1].takes_s = 0.210, 0.020
    assert all(driver.is_active() for driver in drivers) and slow.named(0.3) == "[input.1] took 210 ms"
    drivers[0].takes_s = 0.0
    clock.sleep(60.0)
    assert slow.named(0.3) == "", "another minute's call has nothing to do with this one"
    assert all(driver.is_active() for driver in drivers) and slow.named(0.3) == "[input.2] took 20 ms"


class Fixed:
    __slots__ = ()

    def is_active(self) -> bool:
        return True


def test_a_driver_that_takes_no_attributes_works_untimed() -> None:
    driver = Fixed()
    SlowCalls(HandClock()).watch(driver, "[mains]", ("is_active",))
    assert driver.is_active()
