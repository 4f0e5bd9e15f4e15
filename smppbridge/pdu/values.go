package pdu

// InterfaceVersion is the version of SMPP that a side speaks (3.4 section
// 5.2.4).
type InterfaceVersion uint8

// The versions. Anything up to Version33 stands for 3.3 or older, which knows
// no TLVs.
const (
	Version33 InterfaceVersion = 0x33
	Version34 InterfaceVersion = 0x34
	Version50 InterfaceVersion = 0x50
)

// ESMClass has the mode, type and features of a message (3.4 section 5.2.12).
// It is made by adding one constant of each group.
type ESMClass uint8

// The messaging mode, in the lowest two bits. It only counts towards the SMSC.
const (
	ESMClassDefault         ESMClass = 0x00
	ESMClassDatagram        ESMClass = 0x01
	ESMClassTransaction     ESMClass = 0x02 // "forward" in 3.4
	ESMClassStoreAndForward ESMClass = 0x03

	esmClassModeMask ESMClass = 0x03
)

// The message type, in the four bits above. The delivery receipt, conversation
// abort and intermediate notification only come from the SMSC.
const (
	ESMClassDeliveryReceipt          ESMClass = 0x04
	ESMClassDeliveryAck              ESMClass = 0x08
	ESMClassUserAck                  ESMClass = 0x10
	ESMClassConversationAbort        ESMClass = 0x18
	ESMClassIntermediateNotification ESMClass = 0x20

	esmClassTypeMask ESMClass = 0x3C
)

// The GSM features, in the highest two bits.
const (
	ESMClassUDHI      ESMClass = 0x40 // the message begins with a user data header
	ESMClassReplyPath ESMClass = 0x80
)

// Mode returns the messaging mode.
func (c ESMClass) Mode() ESMClass { return c & esmClassModeMask }

// Type returns the message type; zero is an ordinary message.
func (c ESMClass) Type() ESMClass { return c & esmClassTypeMask }

// UDHI tells whether the message begins with a user data header.
func (c ESMClass) UDHI() bool { return c&ESMClassUDHI != 0 }

// ReplyPath tells whether a reply path is set.
func (c ESMClass) ReplyPath() bool { return c&ESMClassReplyPath != 0 }

// RegisteredDelivery says which receipts, acknowledgements and notifications a
// message asks for (3.4 section 5.2.17). It is made by adding one constant of
// each group.
type RegisteredDelivery uint8

// The SMSC delivery receipt, in the lowest two bits.
const (
	RegisteredDeliveryNone    RegisteredDelivery = 0x00
	RegisteredDeliveryFinal   RegisteredDelivery = 0x01 // delivered or failed
	RegisteredDeliveryFailure RegisteredDelivery = 0x02 // only failed
	RegisteredDeliverySuccess RegisteredDelivery = 0x03 // only delivered; SMPP 5.0

	registeredDeliveryReceiptMask RegisteredDelivery = 0x03
)

// The acknowledgements of the recipient, and the intermediate notification,
// which many SMSCs refuse.
const (
	RegisteredDeliveryAck          RegisteredDelivery = 0x04
	RegisteredDeliveryUserAck      RegisteredDelivery = 0x08
	RegisteredDeliveryIntermediate RegisteredDelivery = 0x10
)

// Receipt returns the part about the SMSC delivery receipt.
func (r RegisteredDelivery) Receipt() RegisteredDelivery { return r & registeredDeliveryReceiptMask }

// Intermediate tells whether intermediate notifications are asked for.
func (r RegisteredDelivery) Intermediate() bool { return r&RegisteredDeliveryIntermediate != 0 }

// DataCoding is the coding of a message's text (3.4 section 5.2.19). Values
// from 0xC0 are those of the GSM data coding scheme (3GPP TS 23.038).
type DataCoding uint8

// The data codings.
const (
	DataCodingDefault       DataCoding = 0x00 // whatever the SMSC says it is, mostly GSM 03.38
	DataCodingIA5           DataCoding = 0x01 // ASCII
	DataCodingOctetTDMA     DataCoding = 0x02 // 8-bit binary, for TDMA and CDMA
	DataCodingLatin1        DataCoding = 0x03 // ISO 8859-1
	DataCodingOctet         DataCoding = 0x04 // 8-bit binary
	DataCodingJIS           DataCoding = 0x05 // JIS X 0208
	DataCodingCyrillic      DataCoding = 0x06 // ISO 8859-5
	DataCodingHebrew        DataCoding = 0x07 // ISO 8859-8
	DataCodingUCS2          DataCoding = 0x08 // UTF-16BE in practice
	DataCodingPictogram     DataCoding = 0x09
	DataCodingISO2022JP     DataCoding = 0x0A // music codes
	DataCodingExtendedKanji DataCoding = 0x0D // JIS X 0212
	DataCodingKSC5601       DataCoding = 0x0E
)

// MessageState is what has become of a message (3.4 section 5.2.28, 5.0 section
// 4.7.15).
type MessageState uint8

// The message states.
const (
	MessageStateScheduled     MessageState = 0 // SMPP 5.0
	MessageStateEnroute       MessageState = 1
	MessageStateDelivered     MessageState = 2
	MessageStateExpired       MessageState = 3
	MessageStateDeleted       MessageState = 4
	MessageStateUndeliverable MessageState = 5
	MessageStateAccepted      MessageState = 6
	MessageStateUnknown       MessageState = 7
	MessageStateRejected      MessageState = 8
	MessageStateSkipped       MessageState = 9 // SMPP 5.0
)

var messageStateNames = map[MessageState]string{
	MessageStateScheduled: "SCHEDULED", MessageStateEnroute: "ENROUTE", MessageStateDelivered: "DELIVERED",
	MessageStateExpired: "EXPIRED", MessageStateDeleted: "DELETED", MessageStateUndeliverable: "UNDELIVERABLE",
	MessageStateAccepted: "ACCEPTED", MessageStateUnknown: "UNKNOWN", MessageStateRejected: "REJECTED", MessageStateSkipped: "SKIPPED",
}

// String returns the name in the specification, or the number if there is none.
func (s MessageState) String() string { return nameOr(messageStateNames, s) }

// DestFlag tells what a destination of submit_multi is (3.4 section 5.2.25).
type DestFlag uint8

// The destination flags.
const (
	DestFlagAddress DestFlag = 1 // an SME address
	DestFlagList    DestFlag = 2 // the name of a distribution list
)
