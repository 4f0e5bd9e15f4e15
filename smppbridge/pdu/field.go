package pdu

// looseMax is how long text of a lenient peer, a password and a message id may
// be, in octets with the NUL.
const looseMax = 255

// textField is what the specification says of a C-octet string.
type textField struct {
	name   string
	max    int           // octets with the NUL
	status CommandStatus // what to answer if it is too long
	secret bool          // never shown
}

// addressField is what the specification says of an address in three fields.
type addressField struct {
	ton, npi string
	addr     textField
}

// The text fields. 3.4 limits the password to 9 octets and the message_id to
// 65, but many operators hand out longer ones, and a peer must get back
// whichever id it has given.
var (
	systemID     = textField{name: "system_id", max: 16, status: StatusInvSysID}
	password     = textField{name: "password", max: looseMax, status: StatusInvPaswd, secret: true}
	systemType   = textField{name: "system_type", max: 13, status: StatusInvSysTyp}
	serviceType  = textField{name: "service_type", max: 6, status: StatusInvSerTyp}
	messageID    = textField{name: "message_id", max: looseMax, status: StatusInvMsgID}
	listName     = textField{name: "dl_name", max: 21, status: StatusInvDLName}
	scheduleTime = textField{name: "schedule_delivery_time", max: 17, status: StatusInvSched}
	validity     = textField{name: "validity_period", max: 17, status: StatusInvExpiry}
	finalDate    = textField{name: "final_date", max: 17}
)

// The addresses. data_sm and alert_notification allow longer ones.
var (
	addressRange   = addressField{"addr_ton", "addr_npi", textField{name: "address_range", max: 41, status: StatusBindFail}}
	sourceAddr     = addressField{"source_addr_ton", "source_addr_npi", textField{name: "source_addr", max: 21, status: StatusInvSrcAdr}}
	destAddr       = addressField{"dest_addr_ton", "dest_addr_npi", textField{name: "destination_addr", max: 21, status: StatusInvDstAdr}}
	longSourceAddr = addressField{"source_addr_ton", "source_addr_npi", textField{name: "source_addr", max: 65, status: StatusInvSrcAdr}}
	longDestAddr   = addressField{"dest_addr_ton", "dest_addr_npi", textField{name: "destination_addr", max: 65, status: StatusInvDstAdr}}
	esmeAddr       = addressField{"esme_addr_ton", "esme_addr_npi", textField{name: "esme_addr", max: 65}}
)
