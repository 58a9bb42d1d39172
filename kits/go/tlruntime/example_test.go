package tlruntime_test

import (
	"fmt"

	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlruntime"
)

// Once, after Init.
func ExampleObserve() {
	var kit *throughline.Kit // of throughline.Init
	fmt.Println(tlruntime.Observe(kit))
	// Output: <nil>
}
