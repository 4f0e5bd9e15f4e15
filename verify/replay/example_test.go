package replay_test

import (
	"context"
	"fmt"
	"time"

	"github.com/caddy-relay/caddy-relay/verify/replay"
)

func ExampleGuard() {
	guard := replay.New()
	key := replay.Key{1}
	for range 2 {
		turn, answer, err := guard.Begin(context.Background(), key)
		switch {
		case err != nil:
			fmt.Println("try again later:", err)
		case turn == nil:
			fmt.Println("a repeat, answered with", answer.Status)
		default:
			fmt.Println("new")
			guard.Accept(turn, replay.Answer{Status: 202}, time.Hour, false)
		}
	}
	// Output:
	// new
	// a repeat, answered with 202
}
