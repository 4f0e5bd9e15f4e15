package smppbridge

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/caddy-relay/caddy-relay/relay"
	"github.com/caddy-relay/caddy-relay/smppbridge/pdu"
	"github.com/caddy-relay/caddy-relay/smppbridge/session"
)

// slowStore has a look-up wait for something else.
type slowStore struct {
	*fakeStore
	wait func()
}

func (s *slowStore) Linked(ctx context.Context, hash relay.LinkHash) ([][]byte, error) {
	values, err := s.fakeStore.Linked(ctx, hash)
	s.wait()
	return values, err
}

// A delivery that ends while the message of its receipt is looked up is not one
// that has never been.
func TestReceiptWhileItsDeliveryEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, delivered := make(chan struct{}), make(chan struct{})
		var once bool
		b := start(t, func(n int, r *session.Request) {
			<-answer
			take(n, r)
		}, func(c *Config, _ *BindConfig) {
			store, _ := c.Store.(*fakeStore)
			c.Store = &slowStore{store, func() {
				if !once {
					once = true
					close(answer)
					<-delivered
				}
			}}
		})
		defer b.close()
		go func() {
			defer close(delivered)
			b.Deliver(context.Background(), delivery(t, recipient, "Hello"))
		}()
		synctest.Wait()
		require.Equal(t, pdu.StatusOK, b.smsc.send(receiptOf("m1", "DELIVRD")))
		require.Len(t, b.receipts(), 1)
		require.NotNil(t, b.receipts()[0].Event)
		require.Equal(t, "e1", b.receipts()[0].Event.ID)
	})
}
