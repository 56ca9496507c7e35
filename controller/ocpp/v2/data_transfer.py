"""P. Data transfer: no vendor's extension is implemented."""

from __future__ import annotations

from controller.ocpp.rpc import Handler, Reply
from controller.ocpp.v2 import messages201 as m


class DataTransfer:
    def handlers(self) -> dict[str, Handler]:
        return {"DataTransfer": self.data_transfer}

    async def data_transfer(self, request: m.DataTransferRequest) -> Reply:
        return Reply(m.DataTransferResponse(status="UnknownVendorId"))  # P01.FR.05
