"""Messages of OCPP 2.0.1, fields named as on the wire. Written by `controller.ocpp.generate`; do not edit.

Source: the JSON schemas of the `ocpp` package (Open Charge Alliance). An optional field that is left out is UNSET.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from controller.ocpp.schema import Action, CustomData

DateTime = Annotated[datetime, Meta(tz=True)]
Int0To100 = Annotated[int, Meta(ge=0, le=100)]
Int32 = Annotated[int, Meta(ge=-2147483648, le=2147483647)]
IntFrom0 = Annotated[int, Meta(ge=0, le=2147483647)]
Str6 = Annotated[str, Meta(max_length=6)]
Str8 = Annotated[str, Meta(max_length=8)]
Str16 = Annotated[str, Meta(max_length=16)]
Str20 = Annotated[str, Meta(max_length=20)]
Str25 = Annotated[str, Meta(max_length=25)]
Str32 = Annotated[str, Meta(max_length=32)]
Str36 = Annotated[str, Meta(max_length=36)]
Str40 = Annotated[str, Meta(max_length=40)]
Str50 = Annotated[str, Meta(max_length=50)]
Str64 = Annotated[str, Meta(max_length=64)]
Str128 = Annotated[str, Meta(max_length=128)]
Str255 = Annotated[str, Meta(max_length=255)]
Str500 = Annotated[str, Meta(max_length=500)]
Str512 = Annotated[str, Meta(max_length=512)]
Str800 = Annotated[str, Meta(max_length=800)]
Str1000 = Annotated[str, Meta(max_length=1000)]
Str2500 = Annotated[str, Meta(max_length=2500)]
Str5500 = Annotated[str, Meta(max_length=5500)]
Str5600 = Annotated[str, Meta(max_length=5600)]
Str7500 = Annotated[str, Meta(max_length=7500)]
Str10000 = Annotated[str, Meta(max_length=10000)]
IdTokenEnumType = Literal[
    "Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"
]
HashAlgorithmEnumType = Literal["SHA256", "SHA384", "SHA512"]
AuthorizationStatusEnumType = Literal[
    "Accepted",
    "Blocked",
    "ConcurrentTx",
    "Expired",
    "Invalid",
    "NoCredit",
    "NotAllowedTypeEVSE",
    "NotAtThisLocation",
    "NotAtThisTime",
    "Unknown",
]
MessageFormatEnumType = Literal["ASCII", "HTML", "URI", "UTF8"]
AuthorizeCertificateStatusEnumType = Literal[
    "Accepted",
    "SignatureError",
    "CertificateExpired",
    "CertificateRevoked",
    "NoCertificateAvailable",
    "CertChainError",
    "ContractCancelled",
]
BootReasonEnumType = Literal[
    "ApplicationReset",
    "FirmwareUpdate",
    "LocalReset",
    "PowerUp",
    "RemoteReset",
    "ScheduledReset",
    "Triggered",
    "Unknown",
    "Watchdog",
]
RegistrationStatusEnumType = Literal["Accepted", "Pending", "Rejected"]
CancelReservationStatusEnumType = Literal["Accepted", "Rejected"]
CertificateSigningUseEnumType = Literal["ChargingStationCertificate", "V2GCertificate"]
CertificateSignedStatusEnumType = Literal["Accepted", "Rejected"]
OperationalStatusEnumType = Literal["Inoperative", "Operative"]
ChangeAvailabilityStatusEnumType = Literal["Accepted", "Rejected", "Scheduled"]
ClearCacheStatusEnumType = Literal["Accepted", "Rejected"]
ChargingProfilePurposeEnumType = Literal[
    "ChargingStationExternalConstraints", "ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"
]
ClearChargingProfileStatusEnumType = Literal["Accepted", "Unknown"]
ClearMessageStatusEnumType = Literal["Accepted", "Unknown"]
ClearMonitoringStatusEnumType = Literal["Accepted", "Rejected", "NotFound"]
ChargingLimitSourceEnumType = Literal["EMS", "Other", "SO", "CSO"]
CustomerInformationStatusEnumType = Literal["Accepted", "Rejected", "Invalid"]
DataTransferStatusEnumType = Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
DeleteCertificateStatusEnumType = Literal["Accepted", "Failed", "NotFound"]
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
CertificateActionEnumType = Literal["Install", "Update"]
Iso15118EVCertificateStatusEnumType = Literal["Accepted", "Failed"]
ReportBaseEnumType = Literal["ConfigurationInventory", "FullInventory", "SummaryInventory"]
GenericDeviceModelStatusEnumType = Literal["Accepted", "Rejected", "NotSupported", "EmptyResultSet"]
GetCertificateStatusEnumType = Literal["Accepted", "Failed"]
GetChargingProfileStatusEnumType = Literal["Accepted", "NoProfiles"]
ChargingRateUnitEnumType = Literal["W", "A"]
GenericStatusEnumType = Literal["Accepted", "Rejected"]
MessagePriorityEnumType = Literal["AlwaysFront", "InFront", "NormalCycle"]
MessageStateEnumType = Literal["Charging", "Faulted", "Idle", "Unavailable"]
GetDisplayMessagesStatusEnumType = Literal["Accepted", "Unknown"]
GetCertificateIdUseEnumType = Literal[
    "V2GRootCertificate",
    "MORootCertificate",
    "CSMSRootCertificate",
    "V2GCertificateChain",
    "ManufacturerRootCertificate",
]
GetInstalledCertificateStatusEnumType = Literal["Accepted", "NotFound"]
LogEnumType = Literal["DiagnosticsLog", "SecurityLog"]
LogStatusEnumType = Literal["Accepted", "Rejected", "AcceptedCanceled"]
MonitoringCriterionEnumType = Literal["ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring"]
ComponentCriterionEnumType = Literal["Active", "Available", "Enabled", "Problem"]
AttributeEnumType = Literal["Actual", "Target", "MinSet", "MaxSet"]
GetVariableStatusEnumType = Literal[
    "Accepted", "Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType"
]
InstallCertificateUseEnumType = Literal[
    "V2GRootCertificate", "MORootCertificate", "CSMSRootCertificate", "ManufacturerRootCertificate"
]
InstallCertificateStatusEnumType = Literal["Accepted", "Rejected", "Failed"]
UploadLogStatusEnumType = Literal[
    "BadMessage",
    "Idle",
    "NotSupportedOperation",
    "PermissionDenied",
    "Uploaded",
    "UploadFailure",
    "Uploading",
    "AcceptedCanceled",
]
ReadingContextEnumType = Literal[
    "Interruption.Begin",
    "Interruption.End",
    "Other",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
]
MeasurandEnumType = Literal[
    "Current.Export",
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Export.Register",
    "Energy.Active.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Active.Export.Interval",
    "Energy.Active.Import.Interval",
    "Energy.Active.Net",
    "Energy.Reactive.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Energy.Reactive.Net",
    "Energy.Apparent.Net",
    "Energy.Apparent.Import",
    "Energy.Apparent.Export",
    "Frequency",
    "Power.Active.Export",
    "Power.Active.Import",
    "Power.Factor",
    "Power.Offered",
    "Power.Reactive.Export",
    "Power.Reactive.Import",
    "SoC",
    "Voltage",
]
PhaseEnumType = Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"]
LocationEnumType = Literal["Body", "Cable", "EV", "Inlet", "Outlet"]
CostKindEnumType = Literal["CarbonDioxideEmission", "RelativePricePercentage", "RenewableGenerationPercentage"]
EnergyTransferModeEnumType = Literal["DC", "AC_single_phase", "AC_two_phase", "AC_three_phase"]
NotifyEVChargingNeedsStatusEnumType = Literal["Accepted", "Rejected", "Processing"]
EventTriggerEnumType = Literal["Alerting", "Delta", "Periodic"]
EventNotificationEnumType = Literal[
    "HardWiredNotification", "HardWiredMonitor", "PreconfiguredMonitor", "CustomMonitor"
]
MonitorEnumType = Literal["UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"]
MutabilityEnumType = Literal["ReadOnly", "WriteOnly", "ReadWrite"]
DataEnumType = Literal[
    "string", "decimal", "integer", "dateTime", "boolean", "OptionList", "SequenceList", "MemberList"
]
PublishFirmwareStatusEnumType = Literal[
    "Idle",
    "DownloadScheduled",
    "Downloading",
    "Downloaded",
    "Published",
    "DownloadFailed",
    "DownloadPaused",
    "InvalidChecksum",
    "ChecksumVerified",
    "PublishFailed",
]
ChargingProfileKindEnumType = Literal["Absolute", "Recurring", "Relative"]
RecurrencyKindEnumType = Literal["Daily", "Weekly"]
RequestStartStopStatusEnumType = Literal["Accepted", "Rejected"]
ReservationUpdateStatusEnumType = Literal["Expired", "Removed"]
ConnectorEnumType = Literal[
    "cCCS1",
    "cCCS2",
    "cG105",
    "cTesla",
    "cType1",
    "cType2",
    "s309-1P-16A",
    "s309-1P-32A",
    "s309-3P-16A",
    "s309-3P-32A",
    "sBS1361",
    "sCEE-7-7",
    "sType2",
    "sType3",
    "Other1PhMax16A",
    "Other1PhOver16A",
    "Other3Ph",
    "Pan",
    "wInductive",
    "wResonant",
    "Undetermined",
    "Unknown",
]
ReserveNowStatusEnumType = Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]
ResetEnumType = Literal["Immediate", "OnIdle"]
ResetStatusEnumType = Literal["Accepted", "Rejected", "Scheduled"]
UpdateEnumType = Literal["Differential", "Full"]
SendLocalListStatusEnumType = Literal["Accepted", "Failed", "VersionMismatch"]
ChargingProfileStatusEnumType = Literal["Accepted", "Rejected"]
DisplayMessageStatusEnumType = Literal[
    "Accepted",
    "NotSupportedMessageFormat",
    "Rejected",
    "NotSupportedPriority",
    "NotSupportedState",
    "UnknownTransaction",
]
MonitoringBaseEnumType = Literal["All", "FactoryDefault", "HardWiredOnly"]
APNAuthenticationEnumType = Literal["CHAP", "NONE", "PAP", "AUTO"]
OCPPVersionEnumType = Literal["OCPP12", "OCPP15", "OCPP16", "OCPP20"]
OCPPTransportEnumType = Literal["JSON", "SOAP"]
OCPPInterfaceEnumType = Literal[
    "Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3"
]
VPNEnumType = Literal["IKEv2", "IPSec", "L2TP", "PPTP"]
SetNetworkProfileStatusEnumType = Literal["Accepted", "Rejected", "Failed"]
SetMonitoringStatusEnumType = Literal[
    "Accepted", "UnknownComponent", "UnknownVariable", "UnsupportedMonitorType", "Rejected", "Duplicate"
]
SetVariableStatusEnumType = Literal[
    "Accepted", "Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType", "RebootRequired"
]
ConnectorStatusEnumType = Literal["Available", "Occupied", "Reserved", "Unavailable", "Faulted"]
TransactionEventEnumType = Literal["Ended", "Started", "Updated"]
TriggerReasonEnumType = Literal[
    "Authorized",
    "CablePluggedIn",
    "ChargingRateChanged",
    "ChargingStateChanged",
    "Deauthorized",
    "EnergyLimitReached",
    "EVCommunicationLost",
    "EVConnectTimeout",
    "MeterValueClock",
    "MeterValuePeriodic",
    "TimeLimitReached",
    "Trigger",
    "UnlockCommand",
    "StopAuthorized",
    "EVDeparted",
    "EVDetected",
    "RemoteStop",
    "RemoteStart",
    "AbnormalCondition",
    "SignedDataReceived",
    "ResetCommand",
]
ChargingStateEnumType = Literal["Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle"]
ReasonEnumType = Literal[
    "DeAuthorized",
    "EmergencyStop",
    "EnergyLimitReached",
    "EVDisconnected",
    "GroundFault",
    "ImmediateReset",
    "Local",
    "LocalOutOfCredit",
    "MasterPass",
    "Other",
    "OvercurrentFault",
    "PowerLoss",
    "PowerQuality",
    "Reboot",
    "Remote",
    "SOCLimitReached",
    "StoppedByEV",
    "TimeLimitReached",
    "Timeout",
]
MessageTriggerEnumType = Literal[
    "BootNotification",
    "LogStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "SignChargingStationCertificate",
    "SignV2GCertificate",
    "StatusNotification",
    "TransactionEvent",
    "SignCombinedCertificate",
    "PublishFirmwareStatusNotification",
]
TriggerMessageStatusEnumType = Literal["Accepted", "Rejected", "NotImplemented"]
UnlockStatusEnumType = Literal["Unlocked", "UnlockFailed", "OngoingAuthorizedTransaction", "UnknownConnector"]
UnpublishFirmwareStatusEnumType = Literal["DownloadOngoing", "NoFirmware", "Unpublished"]
UpdateFirmwareStatusEnumType = Literal[
    "Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"
]


class AdditionalInfoType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    additionalIdToken: Str36
    type: Str50


class IdTokenType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    additionalInfo: Annotated[list[AdditionalInfoType], Meta(min_length=1)] | UnsetType = UNSET
    idToken: Str36
    type: IdTokenEnumType


class OCSPRequestDataType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    hashAlgorithm: HashAlgorithmEnumType
    issuerNameHash: Str128
    issuerKeyHash: Str128
    serialNumber: Str40
    responderURL: Str512


class AuthorizeRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    idToken: IdTokenType
    certificate: Str5500 | UnsetType = UNSET
    iso15118CertificateHashData: Annotated[list[OCSPRequestDataType], Meta(min_length=1, max_length=4)] | UnsetType = (
        UNSET
    )


class MessageContentType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    format: MessageFormatEnumType
    language: Str8 | UnsetType = UNSET
    content: Str512


class IdTokenInfoType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: AuthorizationStatusEnumType
    cacheExpiryDateTime: DateTime | UnsetType = UNSET
    chargingPriority: Int32 | UnsetType = UNSET
    language1: Str8 | UnsetType = UNSET
    evseId: Annotated[list[Int32], Meta(min_length=1)] | UnsetType = UNSET
    groupIdToken: IdTokenType | UnsetType = UNSET
    language2: Str8 | UnsetType = UNSET
    personalMessage: MessageContentType | UnsetType = UNSET


class AuthorizeResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    idTokenInfo: IdTokenInfoType
    certificateStatus: AuthorizeCertificateStatusEnumType | UnsetType = UNSET


class ModemType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    iccid: Str20 | UnsetType = UNSET
    imsi: Str20 | UnsetType = UNSET


class ChargingStationType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    serialNumber: Str25 | UnsetType = UNSET
    model: Str20
    modem: ModemType | UnsetType = UNSET
    vendorName: Str50
    firmwareVersion: Str50 | UnsetType = UNSET


class BootNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    chargingStation: ChargingStationType
    reason: BootReasonEnumType


class StatusInfoType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    reasonCode: Str20
    additionalInfo: Str512 | UnsetType = UNSET


class BootNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    currentTime: DateTime
    interval: Int32
    status: RegistrationStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class CancelReservationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    reservationId: Int32


class CancelReservationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: CancelReservationStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class CertificateSignedRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    certificateChain: Str10000
    certificateType: CertificateSigningUseEnumType | UnsetType = UNSET


class CertificateSignedResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: CertificateSignedStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class EVSEType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Int32
    connectorId: Int32 | UnsetType = UNSET


class ChangeAvailabilityRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    evse: EVSEType | UnsetType = UNSET
    operationalStatus: OperationalStatusEnumType


class ChangeAvailabilityResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: ChangeAvailabilityStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class ClearCacheRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class ClearCacheResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: ClearCacheStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class ClearChargingProfileType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    evseId: Int32 | UnsetType = UNSET
    chargingProfilePurpose: ChargingProfilePurposeEnumType | UnsetType = UNSET
    stackLevel: Int32 | UnsetType = UNSET


class ClearChargingProfileRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    chargingProfileId: Int32 | UnsetType = UNSET
    chargingProfileCriteria: ClearChargingProfileType | UnsetType = UNSET


class ClearChargingProfileResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: ClearChargingProfileStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class ClearDisplayMessageRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Int32


class ClearDisplayMessageResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: ClearMessageStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class ClearVariableMonitoringRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Annotated[list[Int32], Meta(min_length=1)]


class ClearMonitoringResultType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: ClearMonitoringStatusEnumType
    id: Int32
    statusInfo: StatusInfoType | UnsetType = UNSET


class ClearVariableMonitoringResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    clearMonitoringResult: Annotated[list[ClearMonitoringResultType], Meta(min_length=1)]


class ClearedChargingLimitRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    chargingLimitSource: ChargingLimitSourceEnumType
    evseId: Int32 | UnsetType = UNSET


class ClearedChargingLimitResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class CostUpdatedRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    totalCost: float
    transactionId: Str36


class CostUpdatedResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class CertificateHashDataType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    hashAlgorithm: HashAlgorithmEnumType
    issuerNameHash: Str128
    issuerKeyHash: Str128
    serialNumber: Str40


class CustomerInformationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    customerCertificate: CertificateHashDataType | UnsetType = UNSET
    idToken: IdTokenType | UnsetType = UNSET
    requestId: Int32
    report: bool
    clear: bool
    customerIdentifier: Str64 | UnsetType = UNSET


class CustomerInformationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: CustomerInformationStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class DataTransferRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    messageId: Str50 | UnsetType = UNSET
    data: Any | UnsetType = UNSET
    vendorId: Str255


class DataTransferResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: DataTransferStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET
    data: Any | UnsetType = UNSET


class DeleteCertificateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    certificateHashData: CertificateHashDataType


class DeleteCertificateResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: DeleteCertificateStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class FirmwareStatusNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: FirmwareStatusEnumType
    requestId: Int32 | UnsetType = UNSET


class FirmwareStatusNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class Get15118EVCertificateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    iso15118SchemaVersion: Str50
    action: CertificateActionEnumType
    exiRequest: Str5600


class Get15118EVCertificateResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: Iso15118EVCertificateStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET
    exiResponse: Str7500


class GetBaseReportRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    requestId: Int32
    reportBase: ReportBaseEnumType


class GetBaseReportResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GenericDeviceModelStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class GetCertificateStatusRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    ocspRequestData: OCSPRequestDataType


class GetCertificateStatusResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GetCertificateStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET
    ocspResult: Str5500 | UnsetType = UNSET


class ChargingProfileCriterionType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    chargingProfilePurpose: ChargingProfilePurposeEnumType | UnsetType = UNSET
    stackLevel: Int32 | UnsetType = UNSET
    chargingProfileId: Annotated[list[Int32], Meta(min_length=1)] | UnsetType = UNSET
    chargingLimitSource: Annotated[list[ChargingLimitSourceEnumType], Meta(min_length=1, max_length=4)] | UnsetType = (
        UNSET
    )


class GetChargingProfilesRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    requestId: Int32
    evseId: Int32 | UnsetType = UNSET
    chargingProfile: ChargingProfileCriterionType


class GetChargingProfilesResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GetChargingProfileStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class GetCompositeScheduleRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    duration: Int32
    chargingRateUnit: ChargingRateUnitEnumType | UnsetType = UNSET
    evseId: Int32


class ChargingSchedulePeriodType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    startPeriod: Int32
    limit: float
    numberPhases: Int32 | UnsetType = UNSET
    phaseToUse: Int32 | UnsetType = UNSET


class CompositeScheduleType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    chargingSchedulePeriod: Annotated[list[ChargingSchedulePeriodType], Meta(min_length=1)]
    evseId: Int32
    duration: Int32
    scheduleStart: DateTime
    chargingRateUnit: ChargingRateUnitEnumType


class GetCompositeScheduleResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GenericStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET
    schedule: CompositeScheduleType | UnsetType = UNSET


class GetDisplayMessagesRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Annotated[list[Int32], Meta(min_length=1)] | UnsetType = UNSET
    requestId: Int32
    priority: MessagePriorityEnumType | UnsetType = UNSET
    state: MessageStateEnumType | UnsetType = UNSET


class GetDisplayMessagesResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GetDisplayMessagesStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class GetInstalledCertificateIdsRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    certificateType: Annotated[list[GetCertificateIdUseEnumType], Meta(min_length=1)] | UnsetType = UNSET


class CertificateHashDataChainType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    certificateHashData: CertificateHashDataType
    certificateType: GetCertificateIdUseEnumType
    childCertificateHashData: Annotated[list[CertificateHashDataType], Meta(min_length=1, max_length=4)] | UnsetType = (
        UNSET
    )


class GetInstalledCertificateIdsResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GetInstalledCertificateStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET
    certificateHashDataChain: Annotated[list[CertificateHashDataChainType], Meta(min_length=1)] | UnsetType = UNSET


class GetLocalListVersionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class GetLocalListVersionResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    versionNumber: Int32


class LogParametersType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    remoteLocation: Str512
    oldestTimestamp: DateTime | UnsetType = UNSET
    latestTimestamp: DateTime | UnsetType = UNSET


class GetLogRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    log: LogParametersType
    logType: LogEnumType
    requestId: Int32
    retries: Int32 | UnsetType = UNSET
    retryInterval: Int32 | UnsetType = UNSET


class GetLogResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: LogStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET
    filename: Str255 | UnsetType = UNSET


class ComponentType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    evse: EVSEType | UnsetType = UNSET
    name: Str50
    instance: Str50 | UnsetType = UNSET


class VariableType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    name: Str50
    instance: Str50 | UnsetType = UNSET


class ComponentVariableType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    component: ComponentType
    variable: VariableType | UnsetType = UNSET


class GetMonitoringReportRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    componentVariable: Annotated[list[ComponentVariableType], Meta(min_length=1)] | UnsetType = UNSET
    requestId: Int32
    monitoringCriteria: Annotated[list[MonitoringCriterionEnumType], Meta(min_length=1, max_length=3)] | UnsetType = (
        UNSET
    )


class GetMonitoringReportResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GenericDeviceModelStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class GetReportRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    componentVariable: Annotated[list[ComponentVariableType], Meta(min_length=1)] | UnsetType = UNSET
    requestId: Int32
    componentCriteria: Annotated[list[ComponentCriterionEnumType], Meta(min_length=1, max_length=4)] | UnsetType = UNSET


class GetReportResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GenericDeviceModelStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class GetTransactionStatusRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    transactionId: Str36 | UnsetType = UNSET


class GetTransactionStatusResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    ongoingIndicator: bool | UnsetType = UNSET
    messagesInQueue: bool


class GetVariableDataType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    attributeType: AttributeEnumType | UnsetType = UNSET
    component: ComponentType
    variable: VariableType


class GetVariablesRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    getVariableData: Annotated[list[GetVariableDataType], Meta(min_length=1)]


class GetVariableResultType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    attributeStatusInfo: StatusInfoType | UnsetType = UNSET
    attributeStatus: GetVariableStatusEnumType
    attributeType: AttributeEnumType | UnsetType = UNSET
    attributeValue: Str2500 | UnsetType = UNSET
    component: ComponentType
    variable: VariableType


class GetVariablesResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    getVariableResult: Annotated[list[GetVariableResultType], Meta(min_length=1)]


class HeartbeatRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class HeartbeatResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    currentTime: DateTime


class InstallCertificateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    certificateType: InstallCertificateUseEnumType
    certificate: Str5500


class InstallCertificateResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: InstallCertificateStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class LogStatusNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: UploadLogStatusEnumType
    requestId: Int32 | UnsetType = UNSET


class LogStatusNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class SignedMeterValueType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    signedMeterData: Str2500
    signingMethod: Str50
    encodingMethod: Str50
    publicKey: Str2500


class UnitOfMeasureType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    unit: Str20 | UnsetType = UNSET
    multiplier: Int32 | UnsetType = UNSET


class SampledValueType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    value: float
    context: ReadingContextEnumType | UnsetType = UNSET
    measurand: MeasurandEnumType | UnsetType = UNSET
    phase: PhaseEnumType | UnsetType = UNSET
    location: LocationEnumType | UnsetType = UNSET
    signedMeterValue: SignedMeterValueType | UnsetType = UNSET
    unitOfMeasure: UnitOfMeasureType | UnsetType = UNSET


class MeterValueType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    sampledValue: Annotated[list[SampledValueType], Meta(min_length=1)]
    timestamp: DateTime


class MeterValuesRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    evseId: Int32
    meterValue: Annotated[list[MeterValueType], Meta(min_length=1)]


class MeterValuesResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class RelativeTimeIntervalType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    start: Int32
    duration: Int32 | UnsetType = UNSET


class CostType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    costKind: CostKindEnumType
    amount: Int32
    amountMultiplier: Int32 | UnsetType = UNSET


class ConsumptionCostType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    startValue: float
    cost: Annotated[list[CostType], Meta(min_length=1, max_length=3)]


class SalesTariffEntryType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    relativeTimeInterval: RelativeTimeIntervalType
    ePriceLevel: IntFrom0 | UnsetType = UNSET
    consumptionCost: Annotated[list[ConsumptionCostType], Meta(min_length=1, max_length=3)] | UnsetType = UNSET


class SalesTariffType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Int32
    salesTariffDescription: Str32 | UnsetType = UNSET
    numEPriceLevels: Int32 | UnsetType = UNSET
    salesTariffEntry: Annotated[list[SalesTariffEntryType], Meta(min_length=1, max_length=1024)]


class ChargingScheduleType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Int32
    startSchedule: DateTime | UnsetType = UNSET
    duration: Int32 | UnsetType = UNSET
    chargingRateUnit: ChargingRateUnitEnumType
    chargingSchedulePeriod: Annotated[list[ChargingSchedulePeriodType], Meta(min_length=1, max_length=1024)]
    minChargingRate: float | UnsetType = UNSET
    salesTariff: SalesTariffType | UnsetType = UNSET


class ChargingLimitType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    chargingLimitSource: ChargingLimitSourceEnumType
    isGridCritical: bool | UnsetType = UNSET


class NotifyChargingLimitRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    chargingSchedule: Annotated[list[ChargingScheduleType], Meta(min_length=1)] | UnsetType = UNSET
    evseId: Int32 | UnsetType = UNSET
    chargingLimit: ChargingLimitType


class NotifyChargingLimitResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class NotifyCustomerInformationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    data: Str512
    tbc: bool | UnsetType = UNSET
    seqNo: Int32
    generatedAt: DateTime
    requestId: Int32


class NotifyCustomerInformationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class MessageInfoType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    display: ComponentType | UnsetType = UNSET
    id: Int32
    priority: MessagePriorityEnumType
    state: MessageStateEnumType | UnsetType = UNSET
    startDateTime: DateTime | UnsetType = UNSET
    endDateTime: DateTime | UnsetType = UNSET
    transactionId: Str36 | UnsetType = UNSET
    message: MessageContentType


class NotifyDisplayMessagesRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    messageInfo: Annotated[list[MessageInfoType], Meta(min_length=1)] | UnsetType = UNSET
    requestId: Int32
    tbc: bool | UnsetType = UNSET


class NotifyDisplayMessagesResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class ACChargingParametersType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    energyAmount: Int32
    evMinCurrent: Int32
    evMaxCurrent: Int32
    evMaxVoltage: Int32


class DCChargingParametersType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    evMaxCurrent: Int32
    evMaxVoltage: Int32
    energyAmount: Int32 | UnsetType = UNSET
    evMaxPower: Int32 | UnsetType = UNSET
    stateOfCharge: Int0To100 | UnsetType = UNSET
    evEnergyCapacity: Int32 | UnsetType = UNSET
    fullSoC: Int0To100 | UnsetType = UNSET
    bulkSoC: Int0To100 | UnsetType = UNSET


class ChargingNeedsType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    acChargingParameters: ACChargingParametersType | UnsetType = UNSET
    dcChargingParameters: DCChargingParametersType | UnsetType = UNSET
    requestedEnergyTransfer: EnergyTransferModeEnumType
    departureTime: DateTime | UnsetType = UNSET


class NotifyEVChargingNeedsRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    maxScheduleTuples: Int32 | UnsetType = UNSET
    chargingNeeds: ChargingNeedsType
    evseId: Int32


class NotifyEVChargingNeedsResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: NotifyEVChargingNeedsStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class NotifyEVChargingScheduleRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    timeBase: DateTime
    chargingSchedule: ChargingScheduleType
    evseId: Int32


class NotifyEVChargingScheduleResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GenericStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class EventDataType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    eventId: Int32
    timestamp: DateTime
    trigger: EventTriggerEnumType
    cause: Int32 | UnsetType = UNSET
    actualValue: Str2500
    techCode: Str50 | UnsetType = UNSET
    techInfo: Str500 | UnsetType = UNSET
    cleared: bool | UnsetType = UNSET
    transactionId: Str36 | UnsetType = UNSET
    component: ComponentType
    variableMonitoringId: Int32 | UnsetType = UNSET
    eventNotificationType: EventNotificationEnumType
    variable: VariableType


class NotifyEventRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    generatedAt: DateTime
    tbc: bool | UnsetType = UNSET
    seqNo: Int32
    eventData: Annotated[list[EventDataType], Meta(min_length=1)]


class NotifyEventResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class VariableMonitoringType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Int32
    transaction: bool
    value: float
    type: MonitorEnumType
    severity: Int32


class MonitoringDataType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    component: ComponentType
    variable: VariableType
    variableMonitoring: Annotated[list[VariableMonitoringType], Meta(min_length=1)]


class NotifyMonitoringReportRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    monitor: Annotated[list[MonitoringDataType], Meta(min_length=1)] | UnsetType = UNSET
    requestId: Int32
    tbc: bool | UnsetType = UNSET
    seqNo: Int32
    generatedAt: DateTime


class NotifyMonitoringReportResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class VariableAttributeType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    type: AttributeEnumType | UnsetType = UNSET
    value: Str2500 | UnsetType = UNSET
    mutability: MutabilityEnumType | UnsetType = UNSET
    persistent: bool | UnsetType = UNSET
    constant: bool | UnsetType = UNSET


class VariableCharacteristicsType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    unit: Str16 | UnsetType = UNSET
    dataType: DataEnumType
    minLimit: float | UnsetType = UNSET
    maxLimit: float | UnsetType = UNSET
    valuesList: Str1000 | UnsetType = UNSET
    supportsMonitoring: bool


class ReportDataType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    component: ComponentType
    variable: VariableType
    variableAttribute: Annotated[list[VariableAttributeType], Meta(min_length=1, max_length=4)]
    variableCharacteristics: VariableCharacteristicsType | UnsetType = UNSET


class NotifyReportRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    requestId: Int32
    generatedAt: DateTime
    reportData: Annotated[list[ReportDataType], Meta(min_length=1)] | UnsetType = UNSET
    tbc: bool | UnsetType = UNSET
    seqNo: Int32


class NotifyReportResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class PublishFirmwareRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    location: Str512
    retries: Int32 | UnsetType = UNSET
    checksum: Str32
    requestId: Int32
    retryInterval: Int32 | UnsetType = UNSET


class PublishFirmwareResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GenericStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class PublishFirmwareStatusNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: PublishFirmwareStatusEnumType
    location: Annotated[list[Str512], Meta(min_length=1)] | UnsetType = UNSET
    requestId: Int32 | UnsetType = UNSET


class PublishFirmwareStatusNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class ChargingProfileType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Int32
    stackLevel: Int32
    chargingProfilePurpose: ChargingProfilePurposeEnumType
    chargingProfileKind: ChargingProfileKindEnumType
    recurrencyKind: RecurrencyKindEnumType | UnsetType = UNSET
    validFrom: DateTime | UnsetType = UNSET
    validTo: DateTime | UnsetType = UNSET
    chargingSchedule: Annotated[list[ChargingScheduleType], Meta(min_length=1, max_length=3)]
    transactionId: Str36 | UnsetType = UNSET


class ReportChargingProfilesRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    requestId: Int32
    chargingLimitSource: ChargingLimitSourceEnumType
    chargingProfile: Annotated[list[ChargingProfileType], Meta(min_length=1)]
    tbc: bool | UnsetType = UNSET
    evseId: Int32


class ReportChargingProfilesResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class RequestStartTransactionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    evseId: Int32 | UnsetType = UNSET
    groupIdToken: IdTokenType | UnsetType = UNSET
    idToken: IdTokenType
    remoteStartId: Int32
    chargingProfile: ChargingProfileType | UnsetType = UNSET


class RequestStartTransactionResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: RequestStartStopStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET
    transactionId: Str36 | UnsetType = UNSET


class RequestStopTransactionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    transactionId: Str36


class RequestStopTransactionResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: RequestStartStopStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class ReservationStatusUpdateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    reservationId: Int32
    reservationUpdateStatus: ReservationUpdateStatusEnumType


class ReservationStatusUpdateResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class ReserveNowRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Int32
    expiryDateTime: DateTime
    connectorType: ConnectorEnumType | UnsetType = UNSET
    idToken: IdTokenType
    evseId: Int32 | UnsetType = UNSET
    groupIdToken: IdTokenType | UnsetType = UNSET


class ReserveNowResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: ReserveNowStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class ResetRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    type: ResetEnumType
    evseId: Int32 | UnsetType = UNSET


class ResetResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: ResetStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class SecurityEventNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    type: Str50
    timestamp: DateTime
    techInfo: Str255 | UnsetType = UNSET


class SecurityEventNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class AuthorizationData(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    idToken: IdTokenType
    idTokenInfo: IdTokenInfoType | UnsetType = UNSET


class SendLocalListRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    localAuthorizationList: Annotated[list[AuthorizationData], Meta(min_length=1)] | UnsetType = UNSET
    versionNumber: Int32
    updateType: UpdateEnumType


class SendLocalListResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: SendLocalListStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class SetChargingProfileRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    evseId: Int32
    chargingProfile: ChargingProfileType


class SetChargingProfileResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: ChargingProfileStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class SetDisplayMessageRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    message: MessageInfoType


class SetDisplayMessageResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: DisplayMessageStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class SetMonitoringBaseRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    monitoringBase: MonitoringBaseEnumType


class SetMonitoringBaseResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GenericDeviceModelStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class SetMonitoringLevelRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    severity: Int32


class SetMonitoringLevelResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GenericStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class APNType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    apn: Str512
    apnUserName: Str20 | UnsetType = UNSET
    apnPassword: Str20 | UnsetType = UNSET
    simPin: Int32 | UnsetType = UNSET
    preferredNetwork: Str6 | UnsetType = UNSET
    useOnlyPreferredNetwork: bool | UnsetType = UNSET
    apnAuthentication: APNAuthenticationEnumType


class VPNType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    server: Str512
    user: Str20
    group: Str20 | UnsetType = UNSET
    password: Str20
    key: Str255
    type: VPNEnumType


class NetworkConnectionProfileType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    apn: APNType | UnsetType = UNSET
    ocppVersion: OCPPVersionEnumType
    ocppTransport: OCPPTransportEnumType
    ocppCsmsUrl: Str512
    messageTimeout: Int32
    securityProfile: Int32
    ocppInterface: OCPPInterfaceEnumType
    vpn: VPNType | UnsetType = UNSET


class SetNetworkProfileRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    configurationSlot: Int32
    connectionData: NetworkConnectionProfileType


class SetNetworkProfileResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: SetNetworkProfileStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class SetMonitoringDataType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Int32 | UnsetType = UNSET
    transaction: bool | UnsetType = UNSET
    value: float
    type: MonitorEnumType
    severity: Int32
    component: ComponentType
    variable: VariableType


class SetVariableMonitoringRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    setMonitoringData: Annotated[list[SetMonitoringDataType], Meta(min_length=1)]


class SetMonitoringResultType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    id: Int32 | UnsetType = UNSET
    statusInfo: StatusInfoType | UnsetType = UNSET
    status: SetMonitoringStatusEnumType
    type: MonitorEnumType
    component: ComponentType
    variable: VariableType
    severity: Int32


class SetVariableMonitoringResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    setMonitoringResult: Annotated[list[SetMonitoringResultType], Meta(min_length=1)]


class SetVariableDataType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    attributeType: AttributeEnumType | UnsetType = UNSET
    attributeValue: Str1000
    component: ComponentType
    variable: VariableType


class SetVariablesRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    setVariableData: Annotated[list[SetVariableDataType], Meta(min_length=1)]


class SetVariableResultType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    attributeType: AttributeEnumType | UnsetType = UNSET
    attributeStatus: SetVariableStatusEnumType
    attributeStatusInfo: StatusInfoType | UnsetType = UNSET
    component: ComponentType
    variable: VariableType


class SetVariablesResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    setVariableResult: Annotated[list[SetVariableResultType], Meta(min_length=1)]


class SignCertificateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    csr: Str5500
    certificateType: CertificateSigningUseEnumType | UnsetType = UNSET


class SignCertificateResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: GenericStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class StatusNotificationRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    timestamp: DateTime
    connectorStatus: ConnectorStatusEnumType
    evseId: Int32
    connectorId: Int32


class StatusNotificationResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET


class TransactionType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    transactionId: Str36
    chargingState: ChargingStateEnumType | UnsetType = UNSET
    timeSpentCharging: Int32 | UnsetType = UNSET
    stoppedReason: ReasonEnumType | UnsetType = UNSET
    remoteStartId: Int32 | UnsetType = UNSET


class TransactionEventRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    eventType: TransactionEventEnumType
    meterValue: Annotated[list[MeterValueType], Meta(min_length=1)] | UnsetType = UNSET
    timestamp: DateTime
    triggerReason: TriggerReasonEnumType
    seqNo: Int32
    offline: bool | UnsetType = UNSET
    numberOfPhasesUsed: Int32 | UnsetType = UNSET
    cableMaxCurrent: Int32 | UnsetType = UNSET
    reservationId: Int32 | UnsetType = UNSET
    transactionInfo: TransactionType
    evse: EVSEType | UnsetType = UNSET
    idToken: IdTokenType | UnsetType = UNSET


class TransactionEventResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    totalCost: float | UnsetType = UNSET
    chargingPriority: Int32 | UnsetType = UNSET
    idTokenInfo: IdTokenInfoType | UnsetType = UNSET
    updatedPersonalMessage: MessageContentType | UnsetType = UNSET


class TriggerMessageRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    evse: EVSEType | UnsetType = UNSET
    requestedMessage: MessageTriggerEnumType


class TriggerMessageResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: TriggerMessageStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class UnlockConnectorRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    evseId: Int32
    connectorId: Int32


class UnlockConnectorResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: UnlockStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


class UnpublishFirmwareRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    checksum: Str32


class UnpublishFirmwareResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: UnpublishFirmwareStatusEnumType


class FirmwareType(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    location: Str512
    retrieveDateTime: DateTime
    installDateTime: DateTime | UnsetType = UNSET
    signingCertificate: Str5500 | UnsetType = UNSET
    signature: Str800 | UnsetType = UNSET


class UpdateFirmwareRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    retries: Int32 | UnsetType = UNSET
    retryInterval: Int32 | UnsetType = UNSET
    requestId: Int32
    firmware: FirmwareType


class UpdateFirmwareResponse(Struct, kw_only=True, forbid_unknown_fields=True):
    customData: CustomData | UnsetType = UNSET
    status: UpdateFirmwareStatusEnumType
    statusInfo: StatusInfoType | UnsetType = UNSET


ACTIONS = {
    "Authorize": Action(AuthorizeRequest, AuthorizeResponse),
    "BootNotification": Action(BootNotificationRequest, BootNotificationResponse),
    "CancelReservation": Action(CancelReservationRequest, CancelReservationResponse),
    "CertificateSigned": Action(CertificateSignedRequest, CertificateSignedResponse),
    "ChangeAvailability": Action(ChangeAvailabilityRequest, ChangeAvailabilityResponse),
    "ClearCache": Action(ClearCacheRequest, ClearCacheResponse),
    "ClearChargingProfile": Action(ClearChargingProfileRequest, ClearChargingProfileResponse),
    "ClearDisplayMessage": Action(ClearDisplayMessageRequest, ClearDisplayMessageResponse),
    "ClearVariableMonitoring": Action(ClearVariableMonitoringRequest, ClearVariableMonitoringResponse),
    "ClearedChargingLimit": Action(ClearedChargingLimitRequest, ClearedChargingLimitResponse),
    "CostUpdated": Action(CostUpdatedRequest, CostUpdatedResponse),
    "CustomerInformation": Action(CustomerInformationRequest, CustomerInformationResponse),
    "DataTransfer": Action(DataTransferRequest, DataTransferResponse),
    "DeleteCertificate": Action(DeleteCertificateRequest, DeleteCertificateResponse),
    "FirmwareStatusNotification": Action(FirmwareStatusNotificationRequest, FirmwareStatusNotificationResponse),
    "Get15118EVCertificate": Action(Get15118EVCertificateRequest, Get15118EVCertificateResponse),
    "GetBaseReport": Action(GetBaseReportRequest, GetBaseReportResponse),
    "GetCertificateStatus": Action(GetCertificateStatusRequest, GetCertificateStatusResponse),
    "GetChargingProfiles": Action(GetChargingProfilesRequest, GetChargingProfilesResponse),
    "GetCompositeSchedule": Action(GetCompositeScheduleRequest, GetCompositeScheduleResponse),
    "GetDisplayMessages": Action(GetDisplayMessagesRequest, GetDisplayMessagesResponse),
    "GetInstalledCertificateIds": Action(GetInstalledCertificateIdsRequest, GetInstalledCertificateIdsResponse),
    "GetLocalListVersion": Action(GetLocalListVersionRequest, GetLocalListVersionResponse),
    "GetLog": Action(GetLogRequest, GetLogResponse),
    "GetMonitoringReport": Action(GetMonitoringReportRequest, GetMonitoringReportResponse),
    "GetReport": Action(GetReportRequest, GetReportResponse),
    "GetTransactionStatus": Action(GetTransactionStatusRequest, GetTransactionStatusResponse),
    "GetVariables": Action(GetVariablesRequest, GetVariablesResponse),
    "Heartbeat": Action(HeartbeatRequest, HeartbeatResponse),
    "InstallCertificate": Action(InstallCertificateRequest, InstallCertificateResponse),
    "LogStatusNotification": Action(LogStatusNotificationRequest, LogStatusNotificationResponse),
    "MeterValues": Action(MeterValuesRequest, MeterValuesResponse),
    "NotifyChargingLimit": Action(NotifyChargingLimitRequest, NotifyChargingLimitResponse),
    "NotifyCustomerInformation": Action(NotifyCustomerInformationRequest, NotifyCustomerInformationResponse),
    "NotifyDisplayMessages": Action(NotifyDisplayMessagesRequest, NotifyDisplayMessagesResponse),
    "NotifyEVChargingNeeds": Action(NotifyEVChargingNeedsRequest, NotifyEVChargingNeedsResponse),
    "NotifyEVChargingSchedule": Action(NotifyEVChargingScheduleRequest, NotifyEVChargingScheduleResponse),
    "NotifyEvent": Action(NotifyEventRequest, NotifyEventResponse),
    "NotifyMonitoringReport": Action(NotifyMonitoringReportRequest, NotifyMonitoringReportResponse),
    "NotifyReport": Action(NotifyReportRequest, NotifyReportResponse),
    "PublishFirmware": Action(PublishFirmwareRequest, PublishFirmwareResponse),
    "PublishFirmwareStatusNotification": Action(
        PublishFirmwareStatusNotificationRequest, PublishFirmwareStatusNotificationResponse
    ),
    "ReportChargingProfiles": Action(ReportChargingProfilesRequest, ReportChargingProfilesResponse),
    "RequestStartTransaction": Action(RequestStartTransactionRequest, RequestStartTransactionResponse),
    "RequestStopTransaction": Action(RequestStopTransactionRequest, RequestStopTransactionResponse),
    "ReservationStatusUpdate": Action(ReservationStatusUpdateRequest, ReservationStatusUpdateResponse),
    "ReserveNow": Action(ReserveNowRequest, ReserveNowResponse),
    "Reset": Action(ResetRequest, ResetResponse),
    "SecurityEventNotification": Action(SecurityEventNotificationRequest, SecurityEventNotificationResponse),
    "SendLocalList": Action(SendLocalListRequest, SendLocalListResponse),
    "SetChargingProfile": Action(SetChargingProfileRequest, SetChargingProfileResponse),
    "SetDisplayMessage": Action(SetDisplayMessageRequest, SetDisplayMessageResponse),
    "SetMonitoringBase": Action(SetMonitoringBaseRequest, SetMonitoringBaseResponse),
    "SetMonitoringLevel": Action(SetMonitoringLevelRequest, SetMonitoringLevelResponse),
    "SetNetworkProfile": Action(SetNetworkProfileRequest, SetNetworkProfileResponse),
    "SetVariableMonitoring": Action(SetVariableMonitoringRequest, SetVariableMonitoringResponse),
    "SetVariables": Action(SetVariablesRequest, SetVariablesResponse),
    "SignCertificate": Action(SignCertificateRequest, SignCertificateResponse),
    "StatusNotification": Action(StatusNotificationRequest, StatusNotificationResponse),
    "TransactionEvent": Action(TransactionEventRequest, TransactionEventResponse),
    "TriggerMessage": Action(TriggerMessageRequest, TriggerMessageResponse),
    "UnlockConnector": Action(UnlockConnectorRequest, UnlockConnectorResponse),
    "UnpublishFirmware": Action(UnpublishFirmwareRequest, UnpublishFirmwareResponse),
    "UpdateFirmware": Action(UpdateFirmwareRequest, UpdateFirmwareResponse),
}
