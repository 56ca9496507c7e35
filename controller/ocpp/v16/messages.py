"""Messages of OCPP 1.6, fields named as on the wire. Written by `controller.ocpp.generate`; do not edit.

Source: the JSON schemas of the `ocpp` package (Open Charge Alliance). An optional field that is left out is UNSET.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from controller.ocpp.schema import Action, Tenths

DateTime = datetime
Int32 = Annotated[int, Meta(ge=-2147483648, le=2147483647)]
Str20 = Annotated[str, Meta(max_length=20)]
Str25 = Annotated[str, Meta(max_length=25)]
Str40 = Annotated[str, Meta(max_length=40)]
Str50 = Annotated[str, Meta(max_length=50)]
Str128 = Annotated[str, Meta(max_length=128)]
Str255 = Annotated[str, Meta(max_length=255)]
Str500 = Annotated[str, Meta(max_length=500)]
Str512 = Annotated[str, Meta(max_length=512)]
Str800 = Annotated[str, Meta(max_length=800)]
Str5500 = Annotated[str, Meta(max_length=5500)]
Str10000 = Annotated[str, Meta(max_length=10000)]
IdTagInfoStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]
BootNotificationResponseStatus = Literal["Accepted", "Pending", "Rejected"]
CancelReservationResponseStatus = Literal["Accepted", "Rejected"]
CertificateSignedStatusEnumType = Literal["Accepted", "Rejected"]
ChangeAvailabilityRequestType = Literal["Inoperative", "Operative"]
ChangeAvailabilityResponseStatus = Literal["Accepted", "Rejected", "Scheduled"]
ChangeConfigurationResponseStatus = Literal["Accepted", "Rejected", "RebootRequired", "NotSupported"]
ClearCacheResponseStatus = Literal["Accepted", "Rejected"]
ClearChargingProfileRequestChargingProfilePurpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
ClearChargingProfileResponseStatus = Literal["Accepted", "Unknown"]
DataTransferResponseStatus = Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
HashAlgorithmEnumType = Literal["SHA256", "SHA384", "SHA512"]
DeleteCertificateStatusEnumType = Literal["Accepted", "Failed", "NotFound"]
DiagnosticsStatusNotificationRequestStatus = Literal["Idle", "Uploaded", "UploadFailed", "Uploading"]
MessageTriggerEnumType = Literal[
    "BootNotification",
    "LogStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "SignChargePointCertificate",
    "StatusNotification",
]
TriggerMessageStatusEnumType = Literal["Accepted", "Rejected", "NotImplemented"]
FirmwareStatusNotificationRequestStatus = Literal[
    "Downloaded", "DownloadFailed", "Downloading", "Idle", "InstallationFailed", "Installing", "Installed"
]
GetCompositeScheduleRequestChargingRateUnit = Literal["A", "W"]
GetCompositeScheduleResponseStatus = Literal["Accepted", "Rejected"]
ChargingScheduleChargingRateUnit = Literal["A", "W"]
CertificateUseEnumType = Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]
GetInstalledCertificateStatusEnumType = Literal["Accepted", "NotFound"]
LogEnumType = Literal["DiagnosticsLog", "SecurityLog"]
LogStatusEnumType = Literal["Accepted", "Rejected", "AcceptedCanceled"]
InstallCertificateStatusEnumType = Literal["Accepted", "Failed", "Rejected"]
UploadLogStatusEnumType = Literal[
    "BadMessage", "Idle", "NotSupportedOperation", "PermissionDenied", "Uploaded", "UploadFailure", "Uploading"
]
SampledValueContext = Literal[
    "Interruption.Begin",
    "Interruption.End",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
    "Other",
]
SampledValueFormat = Literal["Raw", "SignedData"]
SampledValueMeasurand = Literal[
    "Energy.Active.Export.Register",
    "Energy.Active.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Active.Export.Interval",
    "Energy.Active.Import.Interval",
    "Energy.Reactive.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Power.Active.Export",
    "Power.Active.Import",
    "Power.Offered",
    "Power.Reactive.Export",
    "Power.Reactive.Import",
    "Power.Factor",
    "Current.Import",
    "Current.Export",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "Temperature",
    "SoC",
    "RPM",
]
SampledValuePhase = Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"]
SampledValueLocation = Literal["Cable", "EV", "Inlet", "Outlet", "Body"]
SampledValueUnit = Literal[
    "Wh",
    "kWh",
    "varh",
    "kvarh",
    "W",
    "kW",
    "VA",
    "kVA",
    "var",
    "kvar",
    "A",
    "V",
    "K",
    "Celcius",
    "Celsius",
    "Fahrenheit",
    "Percent",
    "Hertz",
]
ChargingProfileChargingProfilePurpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
ChargingProfileChargingProfileKind = Literal["Absolute", "Recurring", "Relative"]
ChargingProfileRecurrencyKind = Literal["Daily", "Weekly"]
RemoteStartTransactionResponseStatus = Literal["Accepted", "Rejected"]
RemoteStopTransactionResponseStatus = Literal["Accepted", "Rejected"]
ReserveNowResponseStatus = Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]
ResetRequestType = Literal["Hard", "Soft"]
ResetResponseStatus = Literal["Accepted", "Rejected"]
SendLocalListRequestUpdateType = Literal["Differential", "Full"]
SendLocalListResponseStatus = Literal["Accepted", "Failed", "NotSupported", "VersionMismatch"]
CsChargingProfilesChargingProfilePurpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
CsChargingProfilesChargingProfileKind = Literal["Absolute", "Recurring", "Relative"]
CsChargingProfilesRecurrencyKind = Literal["Daily", "Weekly"]
SetChargingProfileResponseStatus = Literal["Accepted", "Rejected", "NotSupported"]
GenericStatusEnumType = Literal["Accepted", "Rejected"]
FirmwareStatusEnumType = Literal[
    "Downloaded",
    "DownloadFailed",
    "Downloading",
    "DownloadScheduled",
    "DownloadPaused",
    "Idle",
    "InstallationFailed",
    "Installing",
    "Installed",
    "InstallRebooting",
    "InstallScheduled",
    "InstallVerificationFailed",
    "InvalidSignature",
    "SignatureVerified",
]
UpdateFirmwareStatusEnumType = Literal[
    "Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"
]
StatusNotificationRequestErrorCode = Literal[
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "NoError",
    "OtherError",
    "OverCurrentFailure",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "OverVoltage",
    "WeakSignal",
]
StatusNotificationRequestStatus = Literal[
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
]
StopTransactionRequestReason = Literal[
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
    "DeAuthorized",
]
TransactionDataSampledValueContext = Literal[
    "Interruption.Begin",
    "Interruption.End",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
    "Other",
]
TransactionDataSampledValueFormat = Literal["Raw", "SignedData"]
TransactionDataSampledValueMeasurand = Literal[
    "Energy.Active.Export.Register",
    "Energy.Active.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Active.Export.Interval",
    "Energy.Active.Import.Interval",
    "Energy.Reactive.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Power.Active.Export",
    "Power.Active.Import",
    "Power.Offered",
    "Power.Reactive.Export",
    "Power.Reactive.Import",
    "Power.Factor",
    "Current.Import",
    "Current.Export",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "Temperature",
    "SoC",
    "RPM",
]
TransactionDataSampledValuePhase = Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"]
TransactionDataSampledValueLocation = Literal["Cable", "EV", "Inlet", "Outlet", "Body"]
TransactionDataSampledValueUnit = Literal[
    "Wh",
    "kWh",
    "varh",
    "kvarh",
    "W",
    "kW",
    "VA",
    "kVA",
    "var",
    "kvar",
    "A",
    "V",
    "K",
    "Celcius",
    "Celsius",
    "Fahrenheit",
    "Percent",
]
TriggerMessageRequestRequestedMessage = Literal[
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
]
TriggerMessageResponseStatus = Literal["Accepted", "Rejected", "NotImplemented"]
UnlockConnectorResponseStatus = Literal["Unlocked", "UnlockFailed", "NotSupported"]


class AuthorizeRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    idTag: Str20


class IdTagInfo(Struct, kw_only=True, forbid_unknown_fields=True):
    expiryDate: DateTime | UnsetType = UNSET
    parentIdTag: Str20 | UnsetType = UNSET
    status: IdTagInfoStatus


class AuthorizeResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    idTagInfo: IdTagInfo


class BootNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    chargePointVendor: Str20
    chargePointModel: Str20
    chargePointSerialNumber: Str25 | UnsetType = UNSET
    chargeBoxSerialNumber: Str25 | UnsetType = UNSET
    firmwareVersion: Str50 | UnsetType = UNSET
    iccid: Str20 | UnsetType = UNSET
    imsi: Str20 | UnsetType = UNSET
    meterType: Str25 | UnsetType = UNSET
    meterSerialNumber: Str25 | UnsetType = UNSET


class BootNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: BootNotificationResponseStatus
    currentTime: DateTime
    interval: Int32


class CancelReservationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    reservationId: Int32


class CancelReservationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: CancelReservationResponseStatus


class CertificateSignedRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    certificateChain: Str10000


class CertificateSignedResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: CertificateSignedStatusEnumType


class ChangeAvailabilityRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    connectorId: Int32
    type: ChangeAvailabilityRequestType


class ChangeAvailabilityResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: ChangeAvailabilityResponseStatus


class ChangeConfigurationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    key: Str50
    value: Str500


class ChangeConfigurationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: ChangeConfigurationResponseStatus


class ClearCacheRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class ClearCacheResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: ClearCacheResponseStatus


class ClearChargingProfileRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    id: Int32 | UnsetType = UNSET
    connectorId: Int32 | UnsetType = UNSET
    chargingProfilePurpose: ClearChargingProfileRequestChargingProfilePurpose | UnsetType = UNSET
    stackLevel: Int32 | UnsetType = UNSET


class ClearChargingProfileResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: ClearChargingProfileResponseStatus


class DataTransferRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    vendorId: Str255
    messageId: Str50 | UnsetType = UNSET
    data: str | UnsetType = UNSET


class DataTransferResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: DataTransferResponseStatus
    data: str | UnsetType = UNSET


class CertificateHashDataType(Struct, kw_only=True, forbid_unknown_fields=True):
    hashAlgorithm: HashAlgorithmEnumType
    issuerNameHash: Str128
    issuerKeyHash: Str128
    serialNumber: Str40


class DeleteCertificateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    certificateHashData: CertificateHashDataType


class DeleteCertificateResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: DeleteCertificateStatusEnumType


class DiagnosticsStatusNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    status: DiagnosticsStatusNotificationRequestStatus


class DiagnosticsStatusNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class ExtendedTriggerMessageRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    requestedMessage: MessageTriggerEnumType
    connectorId: Int32 | UnsetType = UNSET


class ExtendedTriggerMessageResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: TriggerMessageStatusEnumType


class FirmwareStatusNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    status: FirmwareStatusNotificationRequestStatus


class FirmwareStatusNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class GetCompositeScheduleRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    connectorId: Int32
    duration: Int32
    chargingRateUnit: GetCompositeScheduleRequestChargingRateUnit | UnsetType = UNSET


class ChargingSchedulePeriod(Struct, kw_only=True, forbid_unknown_fields=True):
    startPeriod: Int32
    limit: Tenths
    numberPhases: Int32 | UnsetType = UNSET


class ChargingSchedule(Struct, kw_only=True, forbid_unknown_fields=True):
    duration: Int32 | UnsetType = UNSET
    startSchedule: DateTime | UnsetType = UNSET
    chargingRateUnit: ChargingScheduleChargingRateUnit
    chargingSchedulePeriod: list[ChargingSchedulePeriod]
    minChargingRate: Tenths | UnsetType = UNSET


class GetCompositeScheduleResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: GetCompositeScheduleResponseStatus
    connectorId: Int32 | UnsetType = UNSET
    scheduleStart: DateTime | UnsetType = UNSET
    chargingSchedule: ChargingSchedule | UnsetType = UNSET


class GetConfigurationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    key: list[Str50] | UnsetType = UNSET


class ConfigurationKey(Struct, kw_only=True, forbid_unknown_fields=True):
    key: Str50
    readonly: bool
    value: Str500 | UnsetType = UNSET


class GetConfigurationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    configurationKey: list[ConfigurationKey] | UnsetType = UNSET
    unknownKey: list[Str50] | UnsetType = UNSET


class GetDiagnosticsRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    location: str
    retries: Int32 | UnsetType = UNSET
    retryInterval: Int32 | UnsetType = UNSET
    startTime: DateTime | UnsetType = UNSET
    stopTime: DateTime | UnsetType = UNSET


class GetDiagnosticsResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    fileName: Str255 | UnsetType = UNSET


class GetInstalledCertificateIdsRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    certificateType: CertificateUseEnumType


class GetInstalledCertificateIdsResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    certificateHashData: Annotated[list[CertificateHashDataType], Meta(min_length=1)] | UnsetType = UNSET
    status: GetInstalledCertificateStatusEnumType


class GetLocalListVersionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class GetLocalListVersionResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    listVersion: Int32


class LogParametersType(Struct, kw_only=True, forbid_unknown_fields=True):
    remoteLocation: Str512
    oldestTimestamp: DateTime | UnsetType = UNSET
    latestTimestamp: DateTime | UnsetType = UNSET


class GetLogRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    log: LogParametersType
    logType: LogEnumType
    requestId: Int32
    retries: Int32 | UnsetType = UNSET
    retryInterval: Int32 | UnsetType = UNSET


class GetLogResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: LogStatusEnumType
    filename: Str255 | UnsetType = UNSET


class HeartbeatRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class HeartbeatResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    currentTime: DateTime


class InstallCertificateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    certificateType: CertificateUseEnumType
    certificate: Str5500


class InstallCertificateResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: InstallCertificateStatusEnumType


class LogStatusNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    status: UploadLogStatusEnumType
    requestId: Int32 | UnsetType = UNSET


class LogStatusNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class SampledValue(Struct, kw_only=True, forbid_unknown_fields=True):
    value: str
    context: SampledValueContext | UnsetType = UNSET
    format: SampledValueFormat | UnsetType = UNSET
    measurand: SampledValueMeasurand | UnsetType = UNSET
    phase: SampledValuePhase | UnsetType = UNSET
    location: SampledValueLocation | UnsetType = UNSET
    unit: SampledValueUnit | UnsetType = UNSET


class MeterValue(Struct, kw_only=True, forbid_unknown_fields=True):
    timestamp: DateTime
    sampledValue: Annotated[list[SampledValue], Meta(min_length=1)]


class MeterValuesRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    connectorId: Int32
    transactionId: Int32 | UnsetType = UNSET
    meterValue: Annotated[list[MeterValue], Meta(min_length=1)]


class MeterValuesResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class ChargingProfile(Struct, kw_only=True, forbid_unknown_fields=True):
    chargingProfileId: Int32
    transactionId: Int32 | UnsetType = UNSET
    stackLevel: Int32
    chargingProfilePurpose: ChargingProfileChargingProfilePurpose
    chargingProfileKind: ChargingProfileChargingProfileKind
    recurrencyKind: ChargingProfileRecurrencyKind | UnsetType = UNSET
    validFrom: DateTime | UnsetType = UNSET
    validTo: DateTime | UnsetType = UNSET
    chargingSchedule: ChargingSchedule


class RemoteStartTransactionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    connectorId: Int32 | UnsetType = UNSET
    idTag: Str20
    chargingProfile: ChargingProfile | UnsetType = UNSET


class RemoteStartTransactionResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: RemoteStartTransactionResponseStatus


class RemoteStopTransactionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    transactionId: Int32


class RemoteStopTransactionResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: RemoteStopTransactionResponseStatus


class ReserveNowRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    connectorId: Int32
    expiryDate: DateTime
    idTag: Str20
    parentIdTag: Str20 | UnsetType = UNSET
    reservationId: Int32


class ReserveNowResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: ReserveNowResponseStatus


class ResetRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    type: ResetRequestType


class ResetResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: ResetResponseStatus


class SecurityEventNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    type: Str50
    timestamp: DateTime
    techInfo: Str255 | UnsetType = UNSET


class SecurityEventNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class LocalAuthorizationList(Struct, kw_only=True, forbid_unknown_fields=True):
    idTag: Str20
    idTagInfo: IdTagInfo | UnsetType = UNSET


class SendLocalListRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    listVersion: Int32
    localAuthorizationList: list[LocalAuthorizationList] | UnsetType = UNSET
    updateType: SendLocalListRequestUpdateType


class SendLocalListResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: SendLocalListResponseStatus


class CsChargingProfiles(Struct, kw_only=True, forbid_unknown_fields=True):
    chargingProfileId: Int32
    transactionId: Int32 | UnsetType = UNSET
    stackLevel: Int32
    chargingProfilePurpose: CsChargingProfilesChargingProfilePurpose
    chargingProfileKind: CsChargingProfilesChargingProfileKind
    recurrencyKind: CsChargingProfilesRecurrencyKind | UnsetType = UNSET
    validFrom: DateTime | UnsetType = UNSET
    validTo: DateTime | UnsetType = UNSET
    chargingSchedule: ChargingSchedule


class SetChargingProfileRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    connectorId: Int32
    csChargingProfiles: CsChargingProfiles


class SetChargingProfileResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: SetChargingProfileResponseStatus


class SignCertificateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    csr: Str5500


class SignCertificateResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: GenericStatusEnumType


class SignedFirmwareStatusNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    status: FirmwareStatusEnumType
    requestId: Int32 | UnsetType = UNSET


class SignedFirmwareStatusNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class FirmwareType(Struct, kw_only=True, forbid_unknown_fields=True):
    location: Str512
    retrieveDateTime: DateTime
    installDateTime: DateTime | UnsetType = UNSET
    signingCertificate: Str5500
    signature: Str800


class SignedUpdateFirmwareRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    retries: Int32 | UnsetType = UNSET
    retryInterval: Int32 | UnsetType = UNSET
    requestId: Int32
    firmware: FirmwareType


class SignedUpdateFirmwareResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: UpdateFirmwareStatusEnumType


class StartTransactionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    connectorId: Int32
    idTag: Str20
    meterStart: Int32
    reservationId: Int32 | UnsetType = UNSET
    timestamp: DateTime


class StartTransactionResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    idTagInfo: IdTagInfo
    transactionId: Int32


class StatusNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    connectorId: Int32
    errorCode: StatusNotificationRequestErrorCode
    info: Str50 | UnsetType = UNSET
    status: StatusNotificationRequestStatus
    timestamp: DateTime | UnsetType = UNSET
    vendorId: Str255 | UnsetType = UNSET
    vendorErrorCode: Str50 | UnsetType = UNSET


class StatusNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


class TransactionDataSampledValue(Struct, kw_only=True, forbid_unknown_fields=True):
    value: str
    context: TransactionDataSampledValueContext | UnsetType = UNSET
    format: TransactionDataSampledValueFormat | UnsetType = UNSET
    measurand: TransactionDataSampledValueMeasurand | UnsetType = UNSET
    phase: TransactionDataSampledValuePhase | UnsetType = UNSET
    location: TransactionDataSampledValueLocation | UnsetType = UNSET
    unit: TransactionDataSampledValueUnit | UnsetType = UNSET


class TransactionData(Struct, kw_only=True, forbid_unknown_fields=True):
    timestamp: DateTime
    sampledValue: list[TransactionDataSampledValue]


class StopTransactionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    idTag: Str20 | UnsetType = UNSET
    meterStop: Int32
    timestamp: DateTime
    transactionId: Int32
    reason: StopTransactionRequestReason | UnsetType = UNSET
    transactionData: list[TransactionData] | UnsetType = UNSET


class StopTransactionResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    idTagInfo: IdTagInfo | UnsetType = UNSET


class TriggerMessageRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    requestedMessage: TriggerMessageRequestRequestedMessage
    connectorId: Int32 | UnsetType = UNSET


class TriggerMessageResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: TriggerMessageResponseStatus


class UnlockConnectorRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    connectorId: Int32


class UnlockConnectorResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    status: UnlockConnectorResponseStatus


class UpdateFirmwareRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    location: str
    retries: Int32 | UnsetType = UNSET
    retrieveDate: DateTime
    retryInterval: Int32 | UnsetType = UNSET


class UpdateFirmwareResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    pass


ACTIONS = {
    "Authorize": Action(AuthorizeRequest, AuthorizeResponse),
    "BootNotification": Action(BootNotificationRequest, BootNotificationResponse),
    "CancelReservation": Action(CancelReservationRequest, CancelReservationResponse),
    "CertificateSigned": Action(CertificateSignedRequest, CertificateSignedResponse),
    "ChangeAvailability": Action(ChangeAvailabilityRequest, ChangeAvailabilityResponse),
    "ChangeConfiguration": Action(ChangeConfigurationRequest, ChangeConfigurationResponse),
    "ClearCache": Action(ClearCacheRequest, ClearCacheResponse),
    "ClearChargingProfile": Action(ClearChargingProfileRequest, ClearChargingProfileResponse),
    "DataTransfer": Action(DataTransferRequest, DataTransferResponse),
    "DeleteCertificate": Action(DeleteCertificateRequest, DeleteCertificateResponse),
    "DiagnosticsStatusNotification": Action(
        DiagnosticsStatusNotificationRequest, DiagnosticsStatusNotificationResponse
    ),
    "ExtendedTriggerMessage": Action(ExtendedTriggerMessageRequest, ExtendedTriggerMessageResponse),
    "FirmwareStatusNotification": Action(FirmwareStatusNotificationRequest, FirmwareStatusNotificationResponse),
    "GetCompositeSchedule": Action(GetCompositeScheduleRequest, GetCompositeScheduleResponse),
    "GetConfiguration": Action(GetConfigurationRequest, GetConfigurationResponse),
    "GetDiagnostics": Action(GetDiagnosticsRequest, GetDiagnosticsResponse),
    "GetInstalledCertificateIds": Action(GetInstalledCertificateIdsRequest, GetInstalledCertificateIdsResponse),
    "GetLocalListVersion": Action(GetLocalListVersionRequest, GetLocalListVersionResponse),
    "GetLog": Action(GetLogRequest, GetLogResponse),
    "Heartbeat": Action(HeartbeatRequest, HeartbeatResponse),
    "InstallCertificate": Action(InstallCertificateRequest, InstallCertificateResponse),
    "LogStatusNotification": Action(LogStatusNotificationRequest, LogStatusNotificationResponse),
    "MeterValues": Action(MeterValuesRequest, MeterValuesResponse),
    "RemoteStartTransaction": Action(RemoteStartTransactionRequest, RemoteStartTransactionResponse),
    "RemoteStopTransaction": Action(RemoteStopTransactionRequest, RemoteStopTransactionResponse),
    "ReserveNow": Action(ReserveNowRequest, ReserveNowResponse),
    "Reset": Action(ResetRequest, ResetResponse),
    "SecurityEventNotification": Action(SecurityEventNotificationRequest, SecurityEventNotificationResponse),
    "SendLocalList": Action(SendLocalListRequest, SendLocalListResponse),
    "SetChargingProfile": Action(SetChargingProfileRequest, SetChargingProfileResponse),
    "SignCertificate": Action(SignCertificateRequest, SignCertificateResponse),
    "SignedFirmwareStatusNotification": Action(
        SignedFirmwareStatusNotificationRequest, SignedFirmwareStatusNotificationResponse
    ),
    "SignedUpdateFirmware": Action(SignedUpdateFirmwareRequest, SignedUpdateFirmwareResponse),
    "StartTransaction": Action(StartTransactionRequest, StartTransactionResponse),
    "StatusNotification": Action(StatusNotificationRequest, StatusNotificationResponse),
    "StopTransaction": Action(StopTransactionRequest, StopTransactionResponse),
    "TriggerMessage": Action(TriggerMessageRequest, TriggerMessageResponse),
    "UnlockConnector": Action(UnlockConnectorRequest, UnlockConnectorResponse),
    "UpdateFirmware": Action(UpdateFirmwareRequest, UpdateFirmwareResponse),
}
