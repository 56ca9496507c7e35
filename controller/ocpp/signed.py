"""How a reading that the meter signed is worded: SignedMeterValueType, the same in 2.x and in a 1.6 `SignedData` value.

Source: OCPP 2.0.1 Part 2, 2.46; Open Charge Alliance, "Signed Meter Values in OCPP", 3.2 and 4.2.
"""

from __future__ import annotations

import base64

from controller.logic.values import SignedReading

_MOST_CHARACTERS = 2500


def signed_meter_value(signed: SignedReading) -> dict[str, str] | None:
    """Return the type's fields; None for data that is longer than a message may carry. Cut, its signature would be void."""
    data = base64.b64encode(signed.data).decode()
    key = ""
    if signed.public_key:
        key = base64.b64encode(f"oca:base16:asn1:{signed.public_key.hex()}".encode()).decode()
    if max(len(data), len(key)) > _MOST_CHARACTERS:
        return None
    return {
        "signedMeterData": data,
        "signingMethod": signed.signing,
        "encodingMethod": signed.encoding,
        "publicKey": key,
    }
