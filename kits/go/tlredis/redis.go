// Package tlredis instruments go-redis.
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	tlredis.Instrument(kit, client)
//
// Commands are CLIENT spans named after the command. Keys and values are not told: both may be anybody's data.
package tlredis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/dbcall"
	"throughline.dev/kits/go/internal/names"
)

// Instrument traces what a client does from now on. Call it once, before the client is used.
func Instrument(kit *throughline.Kit, client *redis.Client) {
	o := client.Options()
	target := dbcall.Target{System: "redis", Namespace: strconv.Itoa(o.DB), Scope: names.ScopeRedis}
	if host, port, err := net.SplitHostPort(o.Addr); err == nil && o.Network != "unix" {
		target.Address = host
		target.Port, _ = strconv.Atoi(port)
	}
	client.AddHook(hook{dbcall.New(kit, target)})
}

type hook struct{ calls *dbcall.Instrument }

// DialHook leaves dialling as it is: its time is part of the command that waits for it.
func (h hook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook makes a span of a command.
func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if isInside(ctx) {
			return next(ctx, cmd)
		}
		ctx, call := h.calls.Command(inside(ctx), strings.ToUpper(cmd.Name()))
		err := next(ctx, cmd)
		call.End(ctx, failureOf(err))
		return err
	}
}

// ProcessPipelineHook makes one span of a pipeline or a transaction. Its error is the connection's, or that of the first command that
// was refused.
func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if isInside(ctx) {
			return next(ctx, cmds)
		}
		name, own := operation(cmds)
		var attrs []attribute.KeyValue
		if len(own) > 1 {
			attrs = append(attrs, names.DBBatchSize.Int(len(own)))
		}
		ctx, call := h.calls.Command(inside(ctx), name, attrs...)
		err := next(ctx, cmds)
		call.End(ctx, failureOf(err))
		return err
	}
}

// insideKey marks the context of a command under way: what go-redis sends then is to set up a connection, and is no command of the
// service's.
type insideKey struct{}

func inside(ctx context.Context) context.Context { return context.WithValue(ctx, insideKey{}, true) }

func isInside(ctx context.Context) bool { return ctx.Value(insideKey{}) != nil }

// operation is PIPELINE or MULTI, with the command's name if all are the same, and the caller's own commands.
func operation(cmds []redis.Cmder) (string, []redis.Cmder) {
	name := "PIPELINE"
	if n := len(cmds); n > 2 && cmds[0].Name() == "multi" && cmds[n-1].Name() == "exec" {
		name, cmds = "MULTI", cmds[1:n-1]
	}
	for _, cmd := range cmds {
		if cmd.Name() != cmds[0].Name() {
			return name, cmds
		}
	}
	if len(cmds) > 0 {
		name += " " + strings.ToUpper(cmds[0].Name())
	}
	return name, cmds
}

// failureOf names an error by the word Redis begins it with, such as WRONGTYPE. The rest may quote the command. No value is an answer.
func failureOf(err error) dbcall.Failure {
	if err == nil || errors.Is(err, redis.Nil) {
		return dbcall.Failure{}
	}
	if errors.Is(err, io.EOF) { // the server hung up
		err = fmt.Errorf("%w: %w", syscall.ECONNRESET, err)
	}
	f := dbcall.Failure{Err: err}
	var answered redis.Error
	if errors.As(err, &answered) {
		f.Code, _, _ = strings.Cut(answered.Error(), " ")
	}
	return f
}
