package receipt

// Part is what is known of one short message of a longer one. Its zero value is
// of one that the SMSC has taken, and not told about since.
type Part struct {
	State State `json:"state"`
	// Final says that it is not expected to change.
	Final bool `json:"final,omitempty"`
}

// Parts are the short messages of one message, in order; make them with
// make(Parts, n). They can be stored as JSON.
type Parts []Part

// Update takes over what a receipt says about a part, counted from 0, and tells
// whether that is news. It is none if the part has its last state already, so
// duplicates and receipts that come too late change nothing; but a part that was
// last Unknown can still get another state.
func (p Parts) Update(part int, state State, final bool) bool {
	if part < 0 || part >= len(p) {
		return false
	}
	old, update := p[part], Part{State: state, Final: final}
	switch {
	case old.Final && (old.State != Unknown || !final || state == Unknown):
		return false
	case !final && (!state.onTheWay() || state <= old.State):
		// A failed try, or older than what is known.
		return false
	}
	p[part] = update
	return true
}

// Timeout gives up waiting: parts that have no last state become Unknown.
func (p Parts) Timeout() {
	for i := range p {
		if !p[i].Final {
			p[i] = Part{State: Unknown, Final: true}
		}
	}
}

// Whole is what has become of a message of several parts.
type Whole struct {
	// State is Delivered if all parts are, and that of the first part that failed
	// if one has. Otherwise it is that of the part that is least far, which is
	// Enroute if nothing was told about it.
	State State
	// Final says that a part has failed, or that Complete is set. Although more
	// parts may fail, the message is lost.
	Final bool
	// Complete says that each part has its last state. As for a single receipt, it
	// may still change if that is [Unknown].
	Complete bool
	// Failed are the parts that were not delivered, counted from 0.
	Failed []int
}

// Whole returns the state of the message.
func (p Parts) Whole() Whole {
	w := Whole{Complete: true}
	var failed, least State
	unknown := false
	for i, part := range p {
		w.Complete = w.Complete && part.Final
		switch {
		case part.Final && part.State.Failed():
			if w.Failed = append(w.Failed, i); failed == Unknown {
				failed = part.State
			}
		case part.Final && part.State == Unknown:
			unknown = true
		default:
			if part.State == Unknown {
				part.State = Enroute
			}
			if least == Unknown || part.State < least {
				least = part.State
			}
		}
	}
	w.Final = w.Complete || failed != Unknown
	switch {
	case failed != Unknown:
		w.State = failed
	case w.Complete && unknown:
		w.State = Unknown
	default:
		w.State = least
	}
	return w
}
