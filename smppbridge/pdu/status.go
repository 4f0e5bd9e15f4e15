package pdu

import (
	"fmt"
	"strconv"
	"strings"
)

// CommandStatus is the outcome of a request, in its response (3.4 section
// 5.1.3, 5.0 section 4.7.6). The constants have the names of the specification:
// ESME_RTHROTTLED is StatusThrottled. Where 5.0 renamed a code, its name counts.
type CommandStatus uint32

// The command statuses of SMPP 3.4. Those that are not here are reserved, but
// 0x400 to 0x4FF are for vendors, and other numbers are met as well.
const (
	StatusOK              CommandStatus = 0x00 // ESME_ROK
	StatusInvMsgLen       CommandStatus = 0x01 // the message is too long
	StatusInvCmdLen       CommandStatus = 0x02 // command_length is wrong
	StatusInvCmdID        CommandStatus = 0x03 // the command_id is not known
	StatusInvBndSts       CommandStatus = 0x04 // not allowed with this bind
	StatusAlyBnd          CommandStatus = 0x05 // bound already
	StatusInvPrtFlg       CommandStatus = 0x06 // priority_flag
	StatusInvRegDlvFlg    CommandStatus = 0x07 // registered_delivery
	StatusSysErr          CommandStatus = 0x08 // system error
	StatusInvSrcAdr       CommandStatus = 0x0A // source address
	StatusInvDstAdr       CommandStatus = 0x0B // destination address
	StatusInvMsgID        CommandStatus = 0x0C // message_id
	StatusBindFail        CommandStatus = 0x0D // bind failed
	StatusInvPaswd        CommandStatus = 0x0E // password
	StatusInvSysID        CommandStatus = 0x0F // system_id
	StatusCancelFail      CommandStatus = 0x11 // cancel_sm failed
	StatusReplaceFail     CommandStatus = 0x13 // replace_sm failed
	StatusMsgQFul         CommandStatus = 0x14 // message queue full
	StatusInvSerTyp       CommandStatus = 0x15 // service_type
	StatusInvNumDests     CommandStatus = 0x33 // number_of_dests
	StatusInvDLName       CommandStatus = 0x34 // dl_name
	StatusInvDestFlag     CommandStatus = 0x40 // dest_flag
	StatusInvSubRep       CommandStatus = 0x42 // submit with replace not allowed
	StatusInvESMClass     CommandStatus = 0x43 // esm_class
	StatusCntSubDL        CommandStatus = 0x44 // can't submit to the list
	StatusSubmitFail      CommandStatus = 0x45 // submit_sm or submit_multi failed
	StatusInvSrcTON       CommandStatus = 0x48 // source_addr_ton
	StatusInvSrcNPI       CommandStatus = 0x49 // source_addr_npi
	StatusInvDstTON       CommandStatus = 0x50 // dest_addr_ton
	StatusInvDstNPI       CommandStatus = 0x51 // dest_addr_npi
	StatusInvSysTyp       CommandStatus = 0x53 // system_type
	StatusInvRepFlag      CommandStatus = 0x54 // replace_if_present_flag
	StatusInvNumMsgs      CommandStatus = 0x55 // number of messages
	StatusThrottled       CommandStatus = 0x58 // too many messages for now
	StatusInvSched        CommandStatus = 0x61 // schedule_delivery_time
	StatusInvExpiry       CommandStatus = 0x62 // validity_period
	StatusInvDftMsgID     CommandStatus = 0x63 // sm_default_msg_id
	StatusRxTAppn         CommandStatus = 0x64 // ESME_RX_T_APPN: the receiver can't take it now
	StatusRxPAppn         CommandStatus = 0x65 // ESME_RX_P_APPN: the receiver can never take it
	StatusRxRAppn         CommandStatus = 0x66 // ESME_RX_R_APPN: the receiver rejects it
	StatusQueryFail       CommandStatus = 0x67 // query_sm failed
	StatusInvTLVStream    CommandStatus = 0xC0 // ESME_RINVOPTPARSTREAM in 3.4
	StatusTLVNotAllwd     CommandStatus = 0xC1 // ESME_ROPTPARNOTALLWD in 3.4
	StatusInvTLVLen       CommandStatus = 0xC2 // ESME_RINVPARLEN in 3.4
	StatusMissingTLV      CommandStatus = 0xC3 // ESME_RMISSINGOPTPARAM in 3.4
	StatusInvTLVVal       CommandStatus = 0xC4 // ESME_RINVOPTPARAMVAL in 3.4
	StatusDeliveryFailure CommandStatus = 0xFE // delivery failed (data_sm_resp)
	StatusUnknownErr      CommandStatus = 0xFF // unknown error
)

// The command statuses that SMPP 5.0 added.
const (
	StatusSerTypUnauth      CommandStatus = 0x100 // not authorized for the service_type
	StatusProhibited        CommandStatus = 0x101 // prohibited from the operation
	StatusSerTypUnavail     CommandStatus = 0x102 // the service_type is unavailable
	StatusSerTypDenied      CommandStatus = 0x103 // the service_type is denied
	StatusInvDCS            CommandStatus = 0x104 // data_coding
	StatusInvSrcAddrSubunit CommandStatus = 0x105 // source_addr_subunit
	StatusInvDstAddrSubunit CommandStatus = 0x106 // dest_addr_subunit
	StatusInvBcastFreqInt   CommandStatus = 0x107 // broadcast_frequency_interval
	StatusInvBcastAliasName CommandStatus = 0x108 // broadcast_alias_name
	StatusInvBcastAreaFmt   CommandStatus = 0x109 // broadcast_area_identifier
	StatusInvNumBcastAreas  CommandStatus = 0x10A // number of broadcast areas
	StatusInvBcastCntType   CommandStatus = 0x10B // broadcast_content_type
	StatusInvBcastMsgClass  CommandStatus = 0x10C // broadcast_message_class
	StatusBcastFail         CommandStatus = 0x10D // broadcast_sm failed
	StatusBcastQueryFail    CommandStatus = 0x10E // query_broadcast_sm failed
	StatusBcastCancelFail   CommandStatus = 0x10F // cancel_broadcast_sm failed
	StatusInvBcastRep       CommandStatus = 0x110 // broadcast_rep_num
	StatusInvBcastSrvGrp    CommandStatus = 0x111 // broadcast_service_group
	StatusInvBcastChanInd   CommandStatus = 0x112 // broadcast_channel_indicator
)

var statusNames = map[CommandStatus]string{
	StatusOK: "ESME_ROK", StatusInvMsgLen: "ESME_RINVMSGLEN", StatusInvCmdLen: "ESME_RINVCMDLEN",
	StatusInvCmdID: "ESME_RINVCMDID", StatusInvBndSts: "ESME_RINVBNDSTS", StatusAlyBnd: "ESME_RALYBND",
	StatusInvPrtFlg: "ESME_RINVPRTFLG", StatusInvRegDlvFlg: "ESME_RINVREGDLVFLG", StatusSysErr: "ESME_RSYSERR",
	StatusInvSrcAdr: "ESME_RINVSRCADR", StatusInvDstAdr: "ESME_RINVDSTADR", StatusInvMsgID: "ESME_RINVMSGID",
	StatusBindFail: "ESME_RBINDFAIL", StatusInvPaswd: "ESME_RINVPASWD", StatusInvSysID: "ESME_RINVSYSID",
	StatusCancelFail: "ESME_RCANCELFAIL", StatusReplaceFail: "ESME_RREPLACEFAIL", StatusMsgQFul: "ESME_RMSGQFUL",
	StatusInvSerTyp: "ESME_RINVSERTYP", StatusInvNumDests: "ESME_RINVNUMDESTS", StatusInvDLName: "ESME_RINVDLNAME",
	StatusInvDestFlag: "ESME_RINVDESTFLAG", StatusInvSubRep: "ESME_RINVSUBREP", StatusInvESMClass: "ESME_RINVESMCLASS",
	StatusCntSubDL: "ESME_RCNTSUBDL", StatusSubmitFail: "ESME_RSUBMITFAIL", StatusInvSrcTON: "ESME_RINVSRCTON",
	StatusInvSrcNPI: "ESME_RINVSRCNPI", StatusInvDstTON: "ESME_RINVDSTTON", StatusInvDstNPI: "ESME_RINVDSTNPI",
	StatusInvSysTyp: "ESME_RINVSYSTYP", StatusInvRepFlag: "ESME_RINVREPFLAG", StatusInvNumMsgs: "ESME_RINVNUMMSGS",
	StatusThrottled: "ESME_RTHROTTLED", StatusInvSched: "ESME_RINVSCHED", StatusInvExpiry: "ESME_RINVEXPIRY",
	StatusInvDftMsgID: "ESME_RINVDFTMSGID", StatusRxTAppn: "ESME_RX_T_APPN", StatusRxPAppn: "ESME_RX_P_APPN",
	StatusRxRAppn: "ESME_RX_R_APPN", StatusQueryFail: "ESME_RQUERYFAIL", StatusInvTLVStream: "ESME_RINVTLVSTREAM",
	StatusTLVNotAllwd: "ESME_RTLVNOTALLWD", StatusInvTLVLen: "ESME_RINVTLVLEN", StatusMissingTLV: "ESME_RMISSINGTLV",
	StatusInvTLVVal: "ESME_RINVTLVVAL", StatusDeliveryFailure: "ESME_RDELIVERYFAILURE", StatusUnknownErr: "ESME_RUNKNOWNERR",

	StatusSerTypUnauth: "ESME_RSERTYPUNAUTH", StatusProhibited: "ESME_RPROHIBITED", StatusSerTypUnavail: "ESME_RSERTYPUNAVAIL",
	StatusSerTypDenied: "ESME_RSERTYPDENIED", StatusInvDCS: "ESME_RINVDCS", StatusInvSrcAddrSubunit: "ESME_RINVSRCADDRSUBUNIT",
	StatusInvDstAddrSubunit: "ESME_RINVDSTADDRSUBUNIT", StatusInvBcastFreqInt: "ESME_RINVBCASTFREQINT",
	StatusInvBcastAliasName: "ESME_RINVBCASTALIAS_NAME", StatusInvBcastAreaFmt: "ESME_RINVBCASTAREAFMT",
	StatusInvNumBcastAreas: "ESME_RINVNUMBCAST_AREAS", StatusInvBcastCntType: "ESME_RINVBCASTCNTTYPE",
	StatusInvBcastMsgClass: "ESME_RINVBCASTMSGCLASS", StatusBcastFail: "ESME_RBCASTFAIL",
	StatusBcastQueryFail: "ESME_RBCASTQUERYFAIL", StatusBcastCancelFail: "ESME_RBCASTCANCELFAIL",
	StatusInvBcastRep: "ESME_RINVBCAST_REP", StatusInvBcastSrvGrp: "ESME_RINVBCASTSRVGRP",
	StatusInvBcastChanInd: "ESME_RINVBCASTCHANIND",
}

// statusByName also has the names of 3.4 that 5.0 changed.
var statusByName = func() map[string]CommandStatus {
	m := map[string]CommandStatus{
		"ESME_RINVOPTPARSTREAM": StatusInvTLVStream, "ESME_ROPTPARNOTALLWD": StatusTLVNotAllwd, "ESME_RINVPARLEN": StatusInvTLVLen,
		"ESME_RMISSINGOPTPARAM": StatusMissingTLV, "ESME_RINVOPTPARAMVAL": StatusInvTLVVal,
	}
	for status, name := range statusNames {
		m[name] = status
	}
	return m
}()

// String returns the name in the specification, or the number in hex if there
// is none.
func (s CommandStatus) String() string {
	if name, ok := statusNames[s]; ok {
		return name
	}
	return fmt.Sprintf("0x%08x", uint32(s))
}

// ParseCommandStatus reads a status as people write it: a name of the
// specification in any case, with or without "ESME_", or a number, which is
// decimal, or hex with "0x".
func ParseCommandStatus(s string) (CommandStatus, error) {
	name := strings.ToUpper(s)
	if status, ok := statusByName[name]; ok {
		return status, nil
	}
	if status, ok := statusByName["ESME_"+name]; ok {
		return status, nil
	}
	base, digits := 10, name
	if hex, ok := strings.CutPrefix(name, "0X"); ok {
		base, digits = 16, hex
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return 0, fmt.Errorf("'%s' is no command_status: want a name such as ESME_RTHROTTLED, or a number such as 0x58", s)
	}
	return CommandStatus(n), nil
}
