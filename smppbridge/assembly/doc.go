// Package assembly joins the parts of long messages to events, and loses none that
// was acknowledged: not when the process ends between two parts, and not when the
// other parts never come.
//
// Some senders only send the next part once the last one is answered. So each part
// is kept as a link of its own before it is. What was kept belongs to a list, which
// a process reads once, when it opens the list. The event that a message becomes is
// kept in one transaction with an entry of the list that names its parts: these are
// done, and any others become an event later, if only one that is not complete.
//
// In memory are the same parts as in the list. Parts of one message are therefore
// handled one after the other, and a part that can't be kept is taken back.
//
// The package may import relay and smppbridge/coding.
package assembly
