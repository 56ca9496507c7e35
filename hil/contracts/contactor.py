"""What every contactor driver must do. A rig gives the driver and stands for coil and contacts."""

from __future__ import annotations

from typing import Protocol

import pytest

from controller.hal import Contactor, DeviceError, MirrorReading


class ContactorRig(Protocol):
    contactor: Contactor
    has_phase_relay: bool

    def coil_is_energised(self) -> bool: ...
    def three_phases_are_selected(self) -> bool: ...
    def main_contacts(self, closed: bool) -> None:
        """Put the main contacts, and with them the mirror contact, into a position."""

    def break_mirror_wire(self) -> None: ...
    def stop(self) -> None:
        """End the process in good order."""


class ContactorContract:
    def test_a_contactor_starts_released(self, rig: ContactorRig) -> None:
        assert not rig.coil_is_energised()

    def test_command_closed_energises_and_command_open_releases_the_coil(self, rig: ContactorRig) -> None:
        rig.main_contacts(closed=False)
        rig.contactor.command(True, phases=3)
        assert rig.coil_is_energised()
        rig.contactor.command(False, phases=3)
        assert not rig.coil_is_energised()

    def test_commands_are_idempotent(self, rig: ContactorRig) -> None:
        rig.main_contacts(closed=False)
        rig.contactor.command(True, phases=3)
        rig.main_contacts(closed=True)
        rig.contactor.command(True, phases=3)
        assert rig.coil_is_energised()

    @pytest.mark.parametrize(("closed", "reading"), [(False, MirrorReading.OPEN), (True, MirrorReading.CLOSED)])
    def test_mirror_tells_the_main_contacts_not_the_command(
        self, rig: ContactorRig, closed: bool, reading: MirrorReading
    ) -> None:
        rig.main_contacts(closed=closed)
        assert rig.contactor.mirror() is reading

    def test_a_broken_mirror_wire_never_reads_open(self, rig: ContactorRig) -> None:
        rig.main_contacts(closed=False)
        rig.break_mirror_wire()
        assert rig.contactor.mirror() is not MirrorReading.OPEN

    def test_an_orderly_end_releases_the_coil(self, rig: ContactorRig) -> None:
        rig.main_contacts(closed=False)
        rig.contactor.command(True, phases=3)
        rig.stop()
        assert not rig.coil_is_energised()

    def test_the_phase_relay_is_selected_before_closing(self, rig: ContactorRig) -> None:
        self._need_phase_relay(rig)
        rig.main_contacts(closed=False)
        rig.contactor.command(True, phases=3)
        assert rig.three_phases_are_selected() and rig.coil_is_energised()

    def test_the_phase_relay_does_not_move_under_load(self, rig: ContactorRig) -> None:
        self._need_phase_relay(rig)
        rig.main_contacts(closed=False)
        rig.contactor.command(True, phases=3)
        rig.main_contacts(closed=True)
        with pytest.raises(DeviceError, match="phase relay"):
            rig.contactor.command(True, phases=1)
        assert rig.three_phases_are_selected()

    def test_the_phase_relay_waits_for_the_contacts_to_open(self, rig: ContactorRig) -> None:
        self._need_phase_relay(rig)
        rig.main_contacts(closed=False)
        rig.contactor.command(True, phases=3)
        rig.main_contacts(closed=True)
        rig.contactor.command(False, phases=1)
        rig.contactor.command(False, phases=1)
        assert rig.three_phases_are_selected(), "the contacts are still closed"
        rig.main_contacts(closed=False)
        rig.contactor.command(False, phases=1)
        assert not rig.three_phases_are_selected()

    @staticmethod
    def _need_phase_relay(rig: ContactorRig) -> None:
        if not rig.has_phase_relay:
            pytest.skip("this board has no phase relay")
