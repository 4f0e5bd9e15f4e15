package status

import (
	"time"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// table has what is known of each command_status of SMPP 3.4 and 5.0. The
// pauses are those that operators ask for and other gateways have settled on.
var table = func() map[pdu.CommandStatus]Advice {
	m := map[pdu.CommandStatus]Advice{
		pdu.StatusOK:              {Class: Delivered},
		pdu.StatusInvCmdID:        {Class: Permanent, Remedy: UseSubmitSM, Note: "the SMSC does not know the operation"},
		pdu.StatusInvBndSts:       {Class: Rebind, Wait: time.Second, Note: "bound in the wrong mode, or the SMSC has dropped the bind"},
		pdu.StatusAlyBnd:          {Class: Rebind, Wait: 5 * time.Second, Note: "an old session has not timed out yet, or there are too many binds"},
		pdu.StatusInvRegDlvFlg:    {Class: Permanent, Remedy: DropIntermediate},
		pdu.StatusSysErr:          {Class: Retry, Wait: retryWait, Tries: 3, Note: "an error of the SMSC; some use it for lack of credit, or spam"},
		pdu.StatusInvSrcAdr:       {Class: Permanent, Note: "the sender is malformed, or not registered"},
		pdu.StatusBindFail:        {Class: BindRefused, Wait: time.Minute, Note: "the IP address is not allowed, there are too many binds, or maintenance"},
		pdu.StatusInvPaswd:        {Class: BindRefused, Wait: time.Minute},
		pdu.StatusInvSysID:        {Class: BindRefused, Wait: time.Minute},
		pdu.StatusInvSysTyp:       {Class: BindRefused, Wait: time.Minute},
		pdu.StatusMsgQFul:         {Class: Throttle, Wait: queueWait, Note: "the queue of the SMSC or of the recipient is full"},
		pdu.StatusInvESMClass:     {Class: Permanent, Note: "often a user data header together with sar_* parameters, or a broken one"},
		pdu.StatusThrottled:       {Class: Throttle},
		pdu.StatusInvSched:        {Class: Permanent, Remedy: UseRelativeTime, Note: "the clocks may differ"},
		pdu.StatusInvExpiry:       {Class: Permanent, Remedy: UseRelativeTime, Note: "the clocks may differ"},
		pdu.StatusRxTAppn:         {Class: Retry, Wait: retryWait},
		pdu.StatusTLVNotAllwd:     {Class: Permanent, Remedy: DropTLVs},
		pdu.StatusSerTypUnavail:   {Class: Retry, Wait: retryWait},
		pdu.StatusInvDCS:          {Class: Permanent, Note: "the SMSC does not take this data_coding"},
		pdu.StatusDeliveryFailure: classAdvice[Ambiguous],
	}
	for _, s := range permanent {
		m[s] = Advice{Class: Permanent}
	}
	for _, s := range ambiguous {
		m[s] = classAdvice[Ambiguous]
	}
	return m
}()

// permanent are the codes of which no more is known than that.
var permanent = []pdu.CommandStatus{
	pdu.StatusInvMsgLen, pdu.StatusInvCmdLen, pdu.StatusInvPrtFlg, pdu.StatusInvDstAdr, pdu.StatusInvMsgID,
	pdu.StatusCancelFail, pdu.StatusReplaceFail, pdu.StatusInvSerTyp, pdu.StatusInvNumDests, pdu.StatusInvDLName,
	pdu.StatusInvDestFlag, pdu.StatusInvSubRep, pdu.StatusCntSubDL, pdu.StatusInvSrcTON, pdu.StatusInvSrcNPI,
	pdu.StatusInvDstTON, pdu.StatusInvDstNPI, pdu.StatusInvRepFlag, pdu.StatusInvNumMsgs, pdu.StatusInvDftMsgID,
	pdu.StatusRxPAppn, pdu.StatusRxRAppn, pdu.StatusInvTLVStream, pdu.StatusInvTLVLen, pdu.StatusMissingTLV,
	pdu.StatusInvTLVVal,

	pdu.StatusSerTypUnauth, pdu.StatusProhibited, pdu.StatusSerTypDenied, pdu.StatusInvSrcAddrSubunit,
	pdu.StatusInvDstAddrSubunit, pdu.StatusInvBcastFreqInt, pdu.StatusInvBcastAliasName, pdu.StatusInvBcastAreaFmt,
	pdu.StatusInvNumBcastAreas, pdu.StatusInvBcastCntType, pdu.StatusInvBcastMsgClass, pdu.StatusInvBcastRep,
	pdu.StatusInvBcastSrvGrp, pdu.StatusInvBcastChanInd,
}

// ambiguous are the codes that SMSCs use for all kinds of reasons. Those that are
// not in the specification are as ambiguous.
var ambiguous = []pdu.CommandStatus{
	pdu.StatusSubmitFail, pdu.StatusQueryFail, pdu.StatusUnknownErr, pdu.StatusBcastFail, pdu.StatusBcastQueryFail,
	pdu.StatusBcastCancelFail,
}
