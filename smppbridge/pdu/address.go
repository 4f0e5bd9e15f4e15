package pdu

import "strconv"

// TON is the type of number of an address (3.4 section 5.2.5).
type TON uint8

// The types of number.
const (
	TONUnknown         TON = 0
	TONInternational   TON = 1 // digits with the country code, without "+"
	TONNational        TON = 2
	TONNetworkSpecific TON = 3
	TONSubscriber      TON = 4
	TONAlphanumeric    TON = 5 // text of at most 11 characters in GSM networks
	TONAbbreviated     TON = 6 // a short code
)

var tonNames = map[TON]string{
	TONUnknown: "unknown", TONInternational: "international", TONNational: "national", TONNetworkSpecific: "network_specific",
	TONSubscriber: "subscriber", TONAlphanumeric: "alphanumeric", TONAbbreviated: "abbreviated",
}

// String returns the name of the type, or the number if it is reserved.
func (t TON) String() string { return nameOr(tonNames, t) }

// NPI is the numbering plan of an address (3.4 section 5.2.6).
type NPI uint8

// The numbering plan indicators.
const (
	NPIUnknown    NPI = 0
	NPIISDN       NPI = 1 // E.163 and E.164: telephone numbers
	NPIData       NPI = 3 // X.121
	NPITelex      NPI = 4 // F.69
	NPILandMobile NPI = 6 // E.212
	NPINational   NPI = 8
	NPIPrivate    NPI = 9
	NPIERMES      NPI = 10
	NPIInternet   NPI = 14 // an IP address
	NPIWAP        NPI = 18 // a WAP client ID
)

var npiNames = map[NPI]string{
	NPIUnknown: "unknown", NPIISDN: "isdn", NPIData: "data", NPITelex: "telex", NPILandMobile: "land_mobile",
	NPINational: "national", NPIPrivate: "private", NPIERMES: "ermes", NPIInternet: "internet", NPIWAP: "wap",
}

// String returns the name of the plan, or the number if it is reserved.
func (n NPI) String() string { return nameOr(npiNames, n) }

// nameOr names a code of one octet.
func nameOr[T ~uint8](names map[T]string, code T) string {
	if name, ok := names[code]; ok {
		return name
	}
	return strconv.Itoa(int(code))
}

// Address is where a message comes from or goes to. How long Addr may be
// depends on the field: 20 characters, but 64 in data_sm and
// alert_notification, and 40 for the address_range of a bind.
type Address struct {
	TON  TON
	NPI  NPI
	Addr string
}
