package tlhttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"throughline.dev/kits/go/tlhttp"
)

func TestADisabledKitAllocatesNothing(t *testing.T) {
	handler := tlhttp.Handler(nil, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	request, writer := httptest.NewRequest(http.MethodGet, "http://shop/", nil), httptest.NewRecorder()
	if n := testing.AllocsPerRun(100, func() { handler.ServeHTTP(writer, request) }); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}
