package status

import "fmt"

// Class is what a command_status asks for.
type Class uint8

// The classes.
const (
	// Delivered is the class of ESME_ROK, and of no other status.
	Delivered Class = iota
	// Permanent says that the message will never be taken as it is.
	Permanent
	// Retry says that the message may be taken later.
	Retry
	// Throttle says that the bind is to be slowed down. Unless there is a pause
	// for the message itself, it is to be tried again before others.
	Throttle
	// Rebind says that the SMSC does not see us as bound in the right way: bind
	// anew, then try the message again.
	Rebind
	// BindRefused is about the bind itself. In a response to a message it says
	// the same as Rebind.
	BindRefused
	// Ambiguous says that SMSCs use the status for lasting and passing reasons
	// alike: try a few times.
	Ambiguous
)

var classNames = [...]string{
	Delivered: "delivered", Permanent: "permanent", Retry: "retry", Throttle: "throttle",
	Rebind: "rebind", BindRefused: "bind_refused", Ambiguous: "ambiguous",
}

// String returns the name, such as "bind_refused".
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("unknown(%d)", uint8(c))
}

// MarshalText writes the name.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads one of permanent, retry, throttle, rebind, bind_refused
// and ambiguous. Nothing but ESME_ROK is ever delivered, so that is no name
// here.
func (c *Class) UnmarshalText(text []byte) error {
	for class := Permanent; class <= Ambiguous; class++ {
		if string(text) == classNames[class] {
			*c = class
			return nil
		}
	}
	return fmt.Errorf("unknown class '%s': use one of permanent, retry, throttle, rebind, bind_refused and ambiguous", text)
}
