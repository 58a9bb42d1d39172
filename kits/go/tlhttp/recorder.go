package tlhttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// responseRecorder remembers the status and whether writing failed. Flushing, deadlines and the rest work through
// http.ResponseController, which finds the real writer by Unwrap, and through http.Flusher.
type responseRecorder struct {
	http.ResponseWriter
	status int // 0 until the header is written
	broken bool
}

// record wraps w so that it offers http.Hijacker and io.ReaderFrom exactly when w does (HTTP/1 does, HTTP/2 does not).
func record(w http.ResponseWriter) (*responseRecorder, http.ResponseWriter) {
	recorder := &responseRecorder{ResponseWriter: w}
	_, hijacks := w.(http.Hijacker)
	_, reads := w.(io.ReaderFrom)
	if hijacks && reads {
		return recorder, connectionRecorder{recorder}
	}
	return recorder, recorder
}

// isRecorded says whether a handler of the kit further out sees to the response already.
func isRecorded(w http.ResponseWriter) bool {
	for {
		switch known := w.(type) {
		case *responseRecorder, connectionRecorder:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = known.Unwrap()
		default:
			return false
		}
	}
}

func (w *responseRecorder) WriteHeader(status int) {
	// 1xx are announcements, the response follows; 101 is the response.
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseRecorder) Write(b []byte) (int, error) {
	w.began()
	n, err := w.ResponseWriter.Write(b)
	w.note(err)
	return n, err
}

func (w *responseRecorder) Flush() {
	w.began()
	w.note(http.NewResponseController(w.ResponseWriter).Flush())
}

func (w *responseRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseRecorder) began() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

func (w *responseRecorder) note(err error) {
	// A body where none is allowed and a writer that cannot flush are the handler's mistakes, not a broken response.
	if err != nil && err != http.ErrBodyNotAllowed && err != http.ErrNotSupported && err != http.ErrContentLength {
		w.broken = true
	}
}

// connectionRecorder adds what HTTP/1 connections can do: be taken over, and copy from files in the kernel.
type connectionRecorder struct{ *responseRecorder }

func (w connectionRecorder) ReadFrom(src io.Reader) (int64, error) {
	w.began()
	n, err := w.ResponseWriter.(io.ReaderFrom).ReadFrom(src)
	return n, err // the error may be the source's, so it does not say that the response is broken
}

func (w connectionRecorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}
