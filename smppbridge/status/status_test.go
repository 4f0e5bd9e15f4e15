package status

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// classes has every code of SMPP 3.4 and 5.0.
var classes = map[Class][]pdu.CommandStatus{
	Delivered: {0x00},
	Permanent: {
		0x01, 0x02, 0x03, 0x06, 0x07, 0x0a, 0x0b, 0x0c, 0x11, 0x13, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44, 0x48,
		0x49, 0x50, 0x51, 0x54, 0x55, 0x61, 0x62, 0x63, 0x65, 0x66, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0x100, 0x101, 0x103,
		0x104, 0x105, 0x106, 0x107, 0x108, 0x109, 0x10a, 0x10b, 0x10c, 0x110, 0x111, 0x112,
	},
	Retry:       {0x08, 0x64, 0x102},
	Throttle:    {0x14, 0x58},
	Rebind:      {0x04, 0x05},
	BindRefused: {0x0d, 0x0e, 0x0f, 0x53},
	Ambiguous:   {0x45, 0x67, 0xfe, 0xff, 0x10d, 0x10e, 0x10f},
}

func TestEveryStatusHasItsClass(t *testing.T) {
	n := 0
	for class, codes := range classes {
		for _, code := range codes {
			n++
			require.Contains(t, table, code)
			require.Contains(t, code.String(), "ESME_R", "it has a name")
			require.Equal(t, class, Overrides(nil).Classify(code, pdu.TLVs{}).Class, "%s", code)
		}
	}
	require.Len(t, table, n, "nothing is in the table that is not in the specification")
	for code := range pdu.CommandStatus(0x500) {
		if _, known := table[code]; !known {
			require.Contains(t, code.String(), "0x", "a status with a name has a class")
			require.Equal(t, Ambiguous, Overrides(nil).Classify(code, pdu.TLVs{}).Class)
		}
	}
}

func TestAdvice(t *testing.T) {
	for _, tt := range []struct {
		status pdu.CommandStatus
		wait   time.Duration
		tries  int
		remedy Remedy
	}{
		{pdu.StatusSysErr, 30 * time.Second, 3, NoRemedy},
		{pdu.StatusMsgQFul, 3 * time.Minute, 0, NoRemedy},
		{pdu.StatusThrottled, 0, 0, NoRemedy},
		{pdu.StatusRxTAppn, 30 * time.Second, 0, NoRemedy},
		{pdu.StatusSubmitFail, 30 * time.Second, 2, NoRemedy},
		{0x4ff, 30 * time.Second, 2, NoRemedy},
		{pdu.StatusAlyBnd, 5 * time.Second, 0, NoRemedy},
		{pdu.StatusInvPaswd, time.Minute, 0, NoRemedy},
		{pdu.StatusInvCmdID, 0, 0, UseSubmitSM},
		{pdu.StatusInvRegDlvFlg, 0, 0, DropIntermediate},
		{pdu.StatusTLVNotAllwd, 0, 0, DropTLVs},
		{pdu.StatusInvDCS, 0, 0, NoRemedy},
		{pdu.StatusInvSched, 0, 0, UseRelativeTime},
		{pdu.StatusInvExpiry, 0, 0, UseRelativeTime},
	} {
		a := Overrides(nil).Classify(tt.status, pdu.TLVs{})
		require.Equal(t, tt.wait, a.Wait, "%s", tt.status)
		require.Equal(t, tt.tries, a.Tries, "%s", tt.status)
		require.Equal(t, tt.remedy, a.Remedy, "%s", tt.status)
	}
}

func TestOnlyPermanentAndDeliveredAreFinal(t *testing.T) {
	for class := range classAdvice {
		a := classAdvice[class]
		require.Equal(t, Class(class), a.Class)
		require.Equal(t, a.Class == Permanent || a.Class == Delivered, a.Final(), "%s", a.Class)
	}
}

func TestDeliveryFailureReason(t *testing.T) {
	for _, tt := range []struct {
		value []byte
		want  Class
	}{
		{[]byte{0}, Retry},
		{[]byte{1}, Permanent},
		{[]byte{2}, Permanent},
		{[]byte{3}, Retry},
		{[]byte{4}, Ambiguous},
		{[]byte{}, Ambiguous},
		{[]byte{0, 1}, Ambiguous},
	} {
		var tlvs pdu.TLVs
		require.NoError(t, tlvs.Add(pdu.TagDeliveryFailureReason, tt.value))
		require.Equal(t, tt.want, Overrides(nil).Classify(pdu.StatusDeliveryFailure, tlvs).Class, "%x", tt.value)
		require.Equal(t, Permanent, Overrides(nil).Classify(pdu.StatusInvDstAdr, tlvs).Class, "it says nothing about others")
		o := Overrides{pdu.StatusDeliveryFailure: Throttle}
		require.Equal(t, Throttle, o.Classify(pdu.StatusDeliveryFailure, tlvs).Class, "an override counts more")
	}
}

func TestParseOverrides(t *testing.T) {
	o, err := ParseOverrides("0x58 permanent", "RSYSERR  throttle", "esme_rsubmitfail retry", "1029 rebind", "0x0a\tambiguous", "254 bind_refused")
	require.NoError(t, err)
	require.Equal(t, Overrides{0x58: Permanent, 0x08: Throttle, 0x45: Retry, 0x405: Rebind, 0x0a: Ambiguous, 0xfe: BindRefused}, o)

	require.Equal(t, Advice{Class: Throttle, Note: table[pdu.StatusSysErr].Note}, o.Classify(pdu.StatusSysErr, pdu.TLVs{}))
	require.Equal(t, Advice{Class: Retry, Wait: retryWait}, o.Classify(pdu.StatusSubmitFail, pdu.TLVs{}))
	require.Equal(t, Advice{Class: Rebind}, o.Classify(0x405, pdu.TLVs{}))
	require.Equal(t, Permanent, o.Classify(pdu.StatusInvDstAdr, pdu.TLVs{}).Class, "others stay")

	none, err := ParseOverrides()
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestParseOverridesRefuses(t *testing.T) {
	for line, reason := range map[string]string{
		"":                     "want a command_status and a class",
		"0x58":                 "want a command_status and a class",
		"0x58 throttle slowly": "want a command_status and a class",
		"RNONSENSE retry":      "is no command_status",
		"-1 retry":             "is no command_status",
		"0x100000000 retry":    "is no command_status",
		"0x58 Throttle":        "unknown class 'Throttle'",
		"0x58 delivered":       "unknown class 'delivered'",
		"0 permanent":          "ESME_ROK always means",
		"ROK retry":            "ESME_ROK always means",
	} {
		o, err := ParseOverrides(line)
		require.ErrorContains(t, err, reason, "%q", line)
		require.ErrorContains(t, err, fmt.Sprintf("'%s'", line))
		require.Nil(t, o)
	}
	_, err := ParseOverrides("0x58 retry", "RTHROTTLED throttle")
	require.EqualError(t, err, "'RTHROTTLED throttle': ESME_RTHROTTLED is there already")
}

func TestClassText(t *testing.T) {
	for class := Permanent; class <= Ambiguous; class++ {
		text, err := class.MarshalText()
		require.NoError(t, err)
		var again Class
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, class, again)
	}
	require.Equal(t, "delivered", Delivered.String())
	require.Equal(t, "unknown(200)", Class(200).String())
	var o Overrides
	require.NoError(t, json.Unmarshal([]byte(`{"88":"permanent"}`), &o))
	require.Equal(t, Overrides{pdu.StatusThrottled: Permanent}, o)
}

func FuzzParseOverrides(f *testing.F) {
	f.Add("0x58 throttle")
	f.Add("RSYSERR permanent")
	f.Fuzz(func(t *testing.T, line string) {
		o, err := ParseOverrides(line)
		if err != nil {
			require.Nil(t, o)
			return
		}
		require.Len(t, o, 1)
		for s, class := range o {
			require.NotEqual(t, pdu.StatusOK, s)
			require.Equal(t, class, o.Classify(s, pdu.TLVs{}).Class)
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	o, err := ParseOverrides("0x400 permanent")
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if o.Classify(pdu.StatusThrottled, pdu.TLVs{}).Class != Throttle {
			b.Fatal("not throttled")
		}
	}
}

func ExampleOverrides_Classify() {
	o, err := ParseOverrides("0x405 permanent") // "no credit" at this SMSC
	if err != nil {
		panic(err)
	}
	for _, s := range []pdu.CommandStatus{0x405, pdu.StatusThrottled, pdu.StatusSubmitFail} {
		advice := o.Classify(s, pdu.TLVs{})
		fmt.Println(s, advice.Class, advice.Wait)
	}
	// Output:
	// 0x00000405 permanent 0s
	// ESME_RTHROTTLED throttle 0s
	// ESME_RSUBMITFAIL ambiguous 30s
}
