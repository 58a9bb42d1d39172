package tlhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlhttp"
)

// A server and a client in one trace.
func Example() {
	var kit *throughline.Kit // of throughline.Init; nil works too, and records nothing
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "order ", r.PathValue("id"))
	})
	server := httptest.NewServer(tlhttp.Handler(kit, mux)) // SERVER "GET /orders/{id}"
	defer server.Close()

	client := &http.Client{Transport: tlhttp.Transport(kit, nil)} // CLIENT "GET"
	response, err := client.Get(server.URL + "/orders/17")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close() // the client's span ends here at the latest
	body, _ := io.ReadAll(response.Body)
	fmt.Println(string(body))
	// Output: order 17
}

// Routers that are not http.ServeMux tell their route.
func ExampleWithRoute() {
	var kit *throughline.Kit // of throughline.Init
	router := http.NotFoundHandler()
	handler := tlhttp.Handler(kit, router, tlhttp.WithRoute(func(r *http.Request) string {
		return r.Header.Get("X-Matched-Route") // chi: chi.RouteContext(r.Context()).RoutePattern()
	}))
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(recorder.Code)
	// Output: 404
}

// The span of the request is "GET /orders/{id}", not "GET".
func ExampleWithURLTemplate() {
	var kit *throughline.Kit // of throughline.Init
	client := &http.Client{Transport: tlhttp.Transport(kit, http.NewFileTransportFS(nil))}
	request, _ := http.NewRequest(http.MethodGet, "http://orders/orders/17", nil)
	request = request.WithContext(tlhttp.WithURLTemplate(request.Context(), "/orders/{id}"))
	fmt.Println(request.URL.Path, client.Transport != nil)
	// Output: /orders/17 true
}
