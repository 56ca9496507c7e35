"""The bench's verbs: bad input is named and changes nothing; state tells all; the same seed tells the same story."""

import json

import pytest

from hil.plant import Plant, PlantError, PlantEvse, PlantReader
from hil.plant.faults import KINDS

BAD = [
    ("explode", {}, "unknown verb `explode` (known: plug_in"),
    ("plug_in", {}, "plug_in: `evse` is missing"),
    ("plug_in", {"evse": 3}, "`evse` must be one of 1, 2, not 3"),
    ("plug_in", {"evse": True}, "`evse` must be one of 1, 2, not True"),
    ("plug_in", {"evse": "1"}, "`evse` must be one of 1, 2, not '1'"),
    ("plug_in", {"evse": 1, "car": {}}, "plug_in: unknown key `car` (known: evse, ev, cable_a)"),
    ("plug_in", {"evse": 1, "ev": []}, "`ev` must be an object"),
    ("plug_in", {"evse": 1, "ev": {"fast": True}}, "unknown key `ev.fast`"),
    ("plug_in", {"evse": 1, "ev": {"phases": 4}}, "`ev.phases` must be a whole number from 1 to 3, not 4"),
    ("plug_in", {"evse": 1, "ev": {"phases": 1.5}}, "`ev.phases`"),
    ("plug_in", {"evse": 1, "ev": {"slow": 1}}, "`ev.slow` must be true or false, not 1"),
    ("plug_in", {"evse": 1, "ev": {"max_a": -1}}, "`ev.max_a` must be a number from 0 to 100, not -1"),
    ("plug_in", {"evse": 1, "ev": {"soc_pct": float("nan")}}, "`ev.soc_pct`"),
    ("plug_in", {"evse": 1, "ev": {"imbalance": [1, 1]}}, "`ev.imbalance` must be three numbers"),
    ("plug_in", {"evse": 1, "cable_a": 16}, "`cable_a` must be one of 13, 20, 32, 63, 70, not 16"),
    ("unplug", {"evse": 1}, "unplug: no EV is plugged in at `evse` 1"),
    ("pause", {"evse": 1}, "no EV"),
    ("resume", {"evse": 1}, "no EV"),
    ("ev", {"evse": 1, "pilot": "C"}, "no EV"),
    ("ev", {"evse": 2}, "ev: `pilot` is missing"),
    ("ev", {"evse": 2, "pilot": "E"}, "`pilot` must be B, C or D, not 'E'"),
    ("ev", {"evse": 2, "pilot": "C", "draw_a": "much"}, "`draw_a` must be a number"),
    ("swipe", {}, "swipe: `token` is missing"),
    ("swipe", {"token": ""}, "`token` must be printable text"),
    ("swipe", {"token": "a\nb"}, "`token` must be printable text"),
    ("swipe", {"token": 4711}, "`token` must be printable text"),
    ("swipe", {"token": "x", "reader": "front"}, "`reader` must be one of pn532, line, not 'front'"),
    ("swipe", {"token": "hello", "reader": "pn532"}, "no UID of 4, 7 or 10 bytes"),
    ("fault", {"evse": 1}, "fault: `kind` is missing"),
    ("fault", {"evse": 1, "kind": "gremlins"}, "unknown `kind` 'gremlins' (known: diode"),
    ("fault", {"kind": "diode"}, "fault diode: `evse` is missing"),
    ("fault", {"evse": 1, "kind": "diode", "value": 5}, "`value` is not used"),
    ("fault", {"evse": 1, "kind": "pp_ohm"}, "fault pp_ohm: `value` must be a number"),
    ("fault", {"evse": 1, "kind": "pp_ohm", "value": -1}, "`value` must be a number from 0"),
    ("fault", {"evse": 1, "kind": "mirror", "value": "maybe"}, "`value` must be one of inverted, open, closed"),
    ("fault", {"evse": 1, "kind": "meter_value", "value": {"colour": 1}}, "unknown quantity `value.colour`"),
    ("fault", {"evse": 1, "kind": "under_voltage", "value": 300}, "`value` must be a number from 0 to 230"),
    ("fault", {"evse": 1, "kind": "weld", "clear": "yes"}, "`clear` must be true or false"),
    ("fault", {"kind": "reader_gone", "value": "front"}, "`value` must be one of pn532, line"),
    ("network", {}, "network: `up` is missing"),
    ("network", {"up": 0}, "`up` must be true or false, not 0"),
    ("power_cut", {"now": True}, "power_cut: unknown key `now` (known: none)"),
    ("state", {"since_s": "ever"}, "`since_s` must be a number"),
]


@pytest.mark.parametrize(("verb", "args", "message"), BAD)
def test_bad_verb_is_named_and_changes_nothing(plant, verb, args, message):
    plant.verb("plug_in", evse=2)
    before = plant.verb("state")
    with pytest.raises(PlantError) as raised:
        plant.verb(verb, **args)
    assert message in str(raised.value)
    assert plant.verb("state") == before


def test_second_plug_is_refused(plant):
    plant.verb("plug_in", evse=1)
    with pytest.raises(PlantError, match="already plugged in at `evse` 1"):
        plant.verb("plug_in", evse=1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_kind_can_be_set_seen_and_cleared(plant, kind):
    value = {"pp_ohm": 150, "meter_value": 5, "meter_address": 9, "reader_gone": "line"}.get(kind)
    args = {} if KINDS[kind].of_station else {"evse": 1}
    args |= {"value": value} if value is not None else {}

    def seen():
        state = plant.verb("state")
        gone = [reader["name"] for reader in state["readers"] if reader["gone"]]
        return (
            kind in state["faults"]
            or kind in state["evses"][0]["faults"]
            or (kind == "reader_gone" and gone == ["line"])
        )

    assert not seen()
    plant.verb("fault", kind=kind, **args)
    assert seen()
    json.dumps(plant.verb("state"), allow_nan=False)
    plant.verb("fault", kind=kind, clear=True, **args)
    assert not seen()


@pytest.mark.parametrize(
    ("token", "reader", "present"),
    [
        ("04a2b3c4", "pn532", "04A2B3C4"),
        ("04A2B3C4D5E680", "pn532", "04A2B3C4D5E680"),
        ("00112233445566778899", "pn532", "00112233445566778899"),
        ("0011223344", "line", "0011223344"),
        ("TAG-1", "line", "TAG-1"),
        ("04 a2 b3 c4", "line", "04 a2 b3 c4"),
    ],
)
def test_swipe_goes_to_the_reader_that_can_see_the_token(plant, token, reader, present):
    assert plant.verb("swipe", token=token) == {"reader": reader}
    assert plant.card(reader).present == present
    plant.advance(plant.now + 1.01)
    assert plant.card(reader).present is None
    assert plant.card(reader).swipes == 1


@pytest.mark.parametrize("reader", ["line", 2])
def test_swipe_can_name_the_reader(plant, reader):
    assert plant.verb("swipe", token="04A2B3C4", reader=reader) == {"reader": "line"}


def test_swipe_at_an_unplugged_reader_is_refused(plant):
    plant.verb("fault", kind="reader_gone", value="pn532")
    with pytest.raises(PlantError, match="`reader` pn532 is unplugged"):
        plant.verb("swipe", token="04A2B3C4")


def test_state_tells_what_can_be_seen(station):
    station.charging(16)
    state = station.plant.verb("state")
    json.dumps(state, allow_nan=False)
    seen = state["evses"][0]
    assert seen["id"] == 1 and seen["plugged"] and seen["contact"] == "closed" and seen["mirror"] == "closed"
    assert seen["duty_pct"] == pytest.approx(26.67, abs=0.01) and seen["offered_a"] == pytest.approx(16)
    assert seen["pilot_high_v"] == pytest.approx(6.0, abs=0.1) and seen["pilot_low_v"] == -12.0
    assert seen["current_a"] == pytest.approx([16, 0, 0]) and seen["power_w"] == pytest.approx(3680)
    assert seen["ev"]["asks"] == "C" and seen["advertising"] and seen["contactor_command"]
    assert state["one_shot"]["alive"] and state["mains"] and state["network"]


def test_state_lists_the_edges_since_a_moment(station):
    station.charging(16)
    since = station.plant.now
    station.open().after(1)
    whats = [edge["what"] for edge in station.plant.verb("state", since_s=since)["evses"][0]["edges"]]
    assert whats == ["command", "coil", "contact", "mirror", "current"]


def story(seed: int) -> str:
    plant = Plant([PlantEvse(1)], 0.0, readers=[PlantReader("pn532", "uid")], seed=seed)
    plant.imply_kicks(True)
    plant.cp_enable(1, True)
    for number in range(5):
        plant.verb("plug_in", evse=1, ev={"phases": 3, "capacity_kwh": 2, "bcb": number})
        plant.pwm(1, 40.0)
        plant.contactor(1, True)
        plant.advance(plant.now + 600.0)
        plant.pwm(1, None, True)
        plant.advance(plant.now + 5.0)
        plant.contactor(1, False)
        plant.verb("unplug", evse=1)
        plant.advance(plant.now + 60.0)
    return json.dumps(plant.verb("state"))


def test_same_seed_tells_the_same_story_and_another_seed_another():
    assert story(1) == story(1)
    assert story(1) != story(2)


def test_subscribers_hear_of_changes_and_not_of_kicks(plant):
    heard = []
    stop = plant.subscribe(lambda: heard.append(plant.now))
    plant.kick(1000.0)
    heard.clear()
    for number in range(1, 20):
        plant.kick(1000.0 + number * 0.01)
    assert heard == []
    plant.verb("plug_in", evse=1)
    assert len(heard) == 1
    stop()
    plant.verb("unplug", evse=1)
    assert len(heard) == 1


def test_subscriber_that_acts_at_once_is_told_of_what_follows(plant):
    """A safety loop in the callback: sees C, closes; the plant goes on consistently."""
    plant.imply_kicks(True)
    plant.cp_enable(1, True)

    def act():
        if plant.evses[1].is_plugged:
            plant.pwm(1, 50.0)
            plant.contactor(1, plant.pilot(1)[0] < 7)

    plant.subscribe(act)
    plant.verb("plug_in", evse=1)
    plant.advance(plant.now + 10)
    assert plant.observed.evses[1].current_a[0] == pytest.approx(30)
