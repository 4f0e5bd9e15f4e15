package pdu

import "fmt"

// Tag identifies a TLV, which 3.4 calls optional parameter (3.4 section 5.3.2,
// 5.0 section 4.8.1). Tags from 0x1400 to 0x3FFF are for SMSC vendors.
type Tag uint16

// The tags of SMPP 3.4. The comment has the octets of the value.
const (
	TagDestAddrSubunit          Tag = 0x0005 // 1
	TagDestNetworkType          Tag = 0x0006 // 1
	TagDestBearerType           Tag = 0x0007 // 1
	TagDestTelematicsID         Tag = 0x0008 // 2
	TagSourceAddrSubunit        Tag = 0x000D // 1
	TagSourceNetworkType        Tag = 0x000E // 1
	TagSourceBearerType         Tag = 0x000F // 1
	TagSourceTelematicsID       Tag = 0x0010 // 1
	TagQOSTimeToLive            Tag = 0x0017 // 4, seconds
	TagPayloadType              Tag = 0x0019 // 1
	TagAdditionalStatusInfoText Tag = 0x001D // 1 to 256, C-octet string
	TagReceiptedMessageID       Tag = 0x001E // 1 to 65, C-octet string
	TagMSMsgWaitFacilities      Tag = 0x0030 // 1
	TagPrivacyIndicator         Tag = 0x0201 // 1
	TagSourceSubaddress         Tag = 0x0202 // 2 to 23
	TagDestSubaddress           Tag = 0x0203 // 2 to 23
	TagUserMessageReference     Tag = 0x0204 // 2
	TagUserResponseCode         Tag = 0x0205 // 1
	TagSourcePort               Tag = 0x020A // 2
	TagDestinationPort          Tag = 0x020B // 2
	TagSARMsgRefNum             Tag = 0x020C // 2
	TagLanguageIndicator        Tag = 0x020D // 1
	TagSARTotalSegments         Tag = 0x020E // 1
	TagSARSegmentSeqnum         Tag = 0x020F // 1
	TagSCInterfaceVersion       Tag = 0x0210 // 1
	TagCallbackNumPresInd       Tag = 0x0302 // 1
	TagCallbackNumATag          Tag = 0x0303 // up to 65
	TagNumberOfMessages         Tag = 0x0304 // 1
	TagCallbackNum              Tag = 0x0381 // 4 to 19
	TagDPFResult                Tag = 0x0420 // 1
	TagSetDPF                   Tag = 0x0421 // 1
	TagMSAvailabilityStatus     Tag = 0x0422 // 1
	TagNetworkErrorCode         Tag = 0x0423 // 3
	TagMessagePayload           Tag = 0x0424 // up to 65,535
	TagDeliveryFailureReason    Tag = 0x0425 // 1
	TagMoreMessagesToSend       Tag = 0x0426 // 1
	TagMessageState             Tag = 0x0427 // 1
	TagUSSDServiceOp            Tag = 0x0501 // 1
	TagDisplayTime              Tag = 0x1201 // 1
	TagSMSSignal                Tag = 0x1203 // 2
	TagMSValidity               Tag = 0x1204 // 1; 4 in 5.0 if it has a period
	TagAlertOnMessageDelivery   Tag = 0x130C // 0; 1 in 5.0
	TagITSReplyType             Tag = 0x1380 // 1
	TagITSSessionInfo           Tag = 0x1383 // 2
)

// The tags that SMPP 5.0 added.
const (
	TagCongestionState            Tag = 0x0428 // 1, 0 to 100
	TagBroadcastChannelIndicator  Tag = 0x0600 // 1
	TagBroadcastContentType       Tag = 0x0601 // 3
	TagBroadcastContentTypeInfo   Tag = 0x0602 // 1 to 255
	TagBroadcastMessageClass      Tag = 0x0603 // 1
	TagBroadcastRepNum            Tag = 0x0604 // 2
	TagBroadcastFrequencyInterval Tag = 0x0605 // 3
	TagBroadcastAreaIdentifier    Tag = 0x0606 // repeated, once an area
	TagBroadcastErrorStatus       Tag = 0x0607 // 4, repeated
	TagBroadcastAreaSuccess       Tag = 0x0608 // 1, repeated
	TagBroadcastEndTime           Tag = 0x0609 // 16
	TagBroadcastServiceGroup      Tag = 0x060A // 1 to 255
	TagBillingIdentification      Tag = 0x060B // 1 to 1,024
	TagSourceNetworkID            Tag = 0x060D // 7 to 65, C-octet string
	TagDestNetworkID              Tag = 0x060E // 7 to 65, C-octet string
	TagSourceNodeID               Tag = 0x060F // 6
	TagDestNodeID                 Tag = 0x0610 // 6
	TagDestAddrNPResolution       Tag = 0x0611 // 1
	TagDestAddrNPInformation      Tag = 0x0612 // 10
	TagDestAddrNPCountry          Tag = 0x0613 // 1 to 5
)

var tagNames = map[Tag]string{ //nolint:gosec // No credentials: the names of tags.
	TagDestAddrSubunit: "dest_addr_subunit", TagDestNetworkType: "dest_network_type", TagDestBearerType: "dest_bearer_type",
	TagDestTelematicsID: "dest_telematics_id", TagSourceAddrSubunit: "source_addr_subunit", TagSourceNetworkType: "source_network_type",
	TagSourceBearerType: "source_bearer_type", TagSourceTelematicsID: "source_telematics_id", TagQOSTimeToLive: "qos_time_to_live",
	TagPayloadType: "payload_type", TagAdditionalStatusInfoText: "additional_status_info_text",
	TagReceiptedMessageID: "receipted_message_id", TagMSMsgWaitFacilities: "ms_msg_wait_facilities",
	TagPrivacyIndicator: "privacy_indicator", TagSourceSubaddress: "source_subaddress", TagDestSubaddress: "dest_subaddress",
	TagUserMessageReference: "user_message_reference", TagUserResponseCode: "user_response_code", TagSourcePort: "source_port",
	TagDestinationPort: "destination_port", TagSARMsgRefNum: "sar_msg_ref_num", TagLanguageIndicator: "language_indicator",
	TagSARTotalSegments: "sar_total_segments", TagSARSegmentSeqnum: "sar_segment_seqnum",
	TagSCInterfaceVersion: "sc_interface_version", TagCallbackNumPresInd: "callback_num_pres_ind",
	TagCallbackNumATag: "callback_num_atag", TagNumberOfMessages: "number_of_messages", TagCallbackNum: "callback_num",
	TagDPFResult: "dpf_result", TagSetDPF: "set_dpf", TagMSAvailabilityStatus: "ms_availability_status",
	TagNetworkErrorCode: "network_error_code", TagMessagePayload: "message_payload",
	TagDeliveryFailureReason: "delivery_failure_reason", TagMoreMessagesToSend: "more_messages_to_send",
	TagMessageState: "message_state", TagUSSDServiceOp: "ussd_service_op", TagDisplayTime: "display_time",
	TagSMSSignal: "sms_signal", TagMSValidity: "ms_validity", TagAlertOnMessageDelivery: "alert_on_message_delivery",
	TagITSReplyType: "its_reply_type", TagITSSessionInfo: "its_session_info",

	TagCongestionState: "congestion_state", TagBroadcastChannelIndicator: "broadcast_channel_indicator",
	TagBroadcastContentType: "broadcast_content_type", TagBroadcastContentTypeInfo: "broadcast_content_type_info",
	TagBroadcastMessageClass: "broadcast_message_class", TagBroadcastRepNum: "broadcast_rep_num",
	TagBroadcastFrequencyInterval: "broadcast_frequency_interval", TagBroadcastAreaIdentifier: "broadcast_area_identifier",
	TagBroadcastErrorStatus: "broadcast_error_status", TagBroadcastAreaSuccess: "broadcast_area_success",
	TagBroadcastEndTime: "broadcast_end_time", TagBroadcastServiceGroup: "broadcast_service_group",
	TagBillingIdentification: "billing_identification", TagSourceNetworkID: "source_network_id", TagDestNetworkID: "dest_network_id",
	TagSourceNodeID: "source_node_id", TagDestNodeID: "dest_node_id", TagDestAddrNPResolution: "dest_addr_np_resolution",
	TagDestAddrNPInformation: "dest_addr_np_information", TagDestAddrNPCountry: "dest_addr_np_country",
}

// String returns the name in the specification, or the number in hex if there
// is none.
func (t Tag) String() string {
	if name, ok := tagNames[t]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", uint16(t))
}
