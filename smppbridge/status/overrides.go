package status

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
)

// Overrides are the codes that one SMSC uses in its own way. A nil map has none.
// It is safe for concurrent use as long as nobody changes it.
type Overrides map[pdu.CommandStatus]Class

// ParseOverrides reads lines such as "0x58 throttle", "RSYSERR permanent" or
// "1029 retry": a status in each form that [pdu.ParseCommandStatus] takes, and
// the name of a class. A status can be there only once, in whichever form.
func ParseOverrides(lines ...string) (Overrides, error) {
	o := make(Overrides, len(lines))
	for _, line := range lines {
		if err := o.add(line); err != nil {
			return nil, fmt.Errorf("'%s': %w", line, err)
		}
	}
	return o, nil
}

func (o Overrides) add(line string) error {
	fields := strings.Fields(line)
	if len(fields) != 2 {
		return errors.New("want a command_status and a class, such as 0x58 throttle")
	}
	status, err := pdu.ParseCommandStatus(fields[0])
	if err != nil {
		return err
	}
	if status == pdu.StatusOK {
		return errors.New("ESME_ROK always means that the message was taken")
	}
	if _, ok := o[status]; ok {
		return fmt.Errorf("%s is there already", status)
	}
	var class Class
	if err := class.UnmarshalText([]byte(fields[1])); err != nil {
		return err
	}
	o[status] = class
	return nil
}

// Classify says what to do about the status of a response to a message. The TLVs
// of the response tell more about ESME_RDELIVERYFAILURE.
//
// An override replaces all that is known of the status but the note.
func (o Overrides) Classify(s pdu.CommandStatus, tlvs pdu.TLVs) Advice {
	known, ok := table[s]
	if class, overridden := o[s]; overridden {
		advice := classAdvice[class]
		advice.Note = known.Note
		return advice
	}
	if !ok {
		return classAdvice[Ambiguous]
	}
	if s == pdu.StatusDeliveryFailure {
		if reason, ok := tlvs.DeliveryFailureReason(); ok {
			if advice, ok := deliveryFailure[reason]; ok {
				return advice
			}
		}
	}
	return known
}
