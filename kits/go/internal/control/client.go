package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Path is where the platform serves documents, below the control endpoint.
const Path = "/v1/kit/config"

// RevisionHeader tells the platform which revision is in force.
const RevisionHeader = "X-Throughline-Revision"

const (
	waitMax        = 25 * time.Second // how long the platform may keep a request that has no news
	answerTime     = 10 * time.Second // on top of the wait
	spacing        = time.Second      // between the beginnings of two requests
	backoffFirst   = time.Second
	backoffMax     = 60 * time.Second
	retryAfterMax  = 60 * time.Second
	jitter         = 0.2 // each pause is up to so much shorter or longer
	connectionsMax = 1
)

// Client keeps asking the platform for the document of a service, one request at a time. It has one goroutine, Run.
type Client struct {
	Endpoint   string // base URL
	Instance   string
	SDK        string
	Acceptance Acceptance // its Applied is what Run has applied
	// Apply takes a document, or nil when the last one has outlived its time: then the code's own settings count.
	Apply func(*Document)
	// Trouble is told of requests that failed and, with refused, of documents that were not accepted.
	Trouble func(err error, refused bool)

	etag    string
	current *Document // what is in force
	good    bool      // etag names what is in force
	expires time.Time // of what is in force
}

// Run asks until ctx ends.
func (c *Client) Run(ctx context.Context) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true, MaxConnsPerHost: connectionsMax,
		TLSHandshakeTimeout: answerTime}
	defer transport.CloseIdleConnections()
	// A redirect could lead documents and headers anywhere.
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		pause, err := c.ask(ctx, client)
		switch {
		case ctx.Err() != nil:
			return
		case c.expire():
			pause = 0 // what is in force may have ended the request; ask again at once
		case err != nil:
			c.Trouble(err, errors.As(err, new(refusal)))
		}
		if err != nil && !errors.As(err, new(refusal)) {
			failures++
			pause = max(pause, min(backoffFirst<<min(failures-1, 6), backoffMax))
		} else {
			failures = 0
			pause = max(pause, spacing-time.Since(began))
		}
		c.sleep(ctx, time.Duration(float64(pause)*(1-jitter+2*jitter*rand.Float64())))
	}
}

// sleep pauses, but not beyond the time of what is in force.
func (c *Client) sleep(ctx context.Context, pause time.Duration) {
	if c.current != nil && time.Until(c.expires) < pause {
		pause = time.Until(c.expires)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		c.expire()
	}
}

// expire goes back to the code's settings when nobody has confirmed the document for its time to live. The revision stays the
// least that is accepted, so that an old document cannot be played again.
func (c *Client) expire() bool {
	if c.current == nil || time.Now().Before(c.expires) {
		return false
	}
	c.current, c.etag, c.good = nil, "", false
	c.Apply(nil)
	return true
}

// refusal is a document that was not accepted.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// ask makes one request. The pause is what the platform wants before the next.
func (c *Client) ask(ctx context.Context, client *http.Client) (pause time.Duration, err error) {
	wait := c.wait()
	until := time.Now().Add(wait + answerTime)
	if c.current != nil && c.expires.Before(until) {
		until = c.expires
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	request, err := c.request(ctx, wait)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("cannot ask for the control document: %w", err)
	}
	defer response.Body.Close()
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		pause = min(time.Duration(seconds)*time.Second, retryAfterMax)
	}
	switch response.StatusCode {
	case http.StatusOK:
		return pause, c.receive(response)
	case http.StatusNotModified:
		if c.good {
			c.expires = time.Now().Add(c.current.TTL)
		}
		return pause, nil
	}
	return pause, fmt.Errorf("cannot get the control document: the platform answered %s", response.Status)
}

// wait is how long the platform may wait for news: much less than what is in force has to live.
func (c *Client) wait() time.Duration {
	if c.current == nil {
		return waitMax
	}
	return min(waitMax, (c.current.TTL / 3).Truncate(time.Second))
}

func (c *Client) request(ctx context.Context, wait time.Duration) (*http.Request, error) {
	query := url.Values{"service": {c.Acceptance.Service}, "env": {c.Acceptance.Environment}, "instance": {c.Instance}, "sdk": {c.SDK}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.Endpoint, "/")+Path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("cannot ask for the control document: %w", err)
	}
	revision := int64(0)
	if c.current != nil {
		revision = c.current.Revision
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set(RevisionHeader, strconv.FormatInt(revision, 10))
	if c.etag != "" {
		request.Header.Set("If-None-Match", c.etag)
		request.Header.Set("Prefer", fmt.Sprintf("wait=%d", int(wait.Seconds())))
	}
	return request, nil
}

// receive applies a document. The tag of one that is not accepted is kept too, so that it is not sent again and again; what is
// in force then lives on for its own time.
func (c *Client) receive(response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, BodyBytesMax+1))
	if err != nil {
		return fmt.Errorf("cannot read the control document: %w", err)
	}
	c.etag, c.good = response.Header.Get("ETag"), false
	document, err := c.Acceptance.Read(body, response.Header.Get(SignatureHeader))
	if err != nil {
		return refusal{err}
	}
	c.current, c.good = document, true
	c.Acceptance.Applied = document.Revision
	c.expires = time.Now().Add(document.TTL)
	c.Apply(document)
	return nil
}
