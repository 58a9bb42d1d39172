// Package names holds the semantic convention names the kit emits, version 1.44 of OpenTelemetry's, spelled once.
package names

import "go.opentelemetry.io/otel/attribute"

// SchemaURL says which version of the semantic conventions the names below follow.
const SchemaURL = "https://opentelemetry.io/schemas/1.44.0"

// ContractKey is the scope attribute that carries the version of the kit's own contract, so that it can move.
const ContractKey = attribute.Key("throughline.contract")

// ContractVersion counts incompatible changes of what the kits emit.
const ContractVersion = 1

// Scopes, one for each kind of edge, the same in every kit: what made a span does not depend on the language.
const (
	ScopeKit  = "throughline" // spans, tasks and contained panics
	ScopeHTTP = "throughline/http"
	ScopeGRPC = "throughline/grpc"
	ScopeSQL  = "throughline/sql"
	ScopeNATS = "throughline/nats"
)

// Other replaces values from outside that would make an attribute unbounded.
const Other = "_OTHER"

// DurationBuckets are the bounds, in seconds, of every duration histogram: 5 ms to 10 s.
func DurationBuckets() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
}

// Attributes of every signal.
const (
	ErrorType         = attribute.Key("error.type")
	ServerAddress     = attribute.Key("server.address")
	ServerPort        = attribute.Key("server.port")
	ClientAddress     = attribute.Key("client.address")
	ProtocolVersion   = attribute.Key("network.protocol.version")
	ExceptionType     = attribute.Key("exception.type")
	ExceptionMessage  = attribute.Key("exception.message")
	ExceptionStack    = attribute.Key("exception.stacktrace")
	TaskName          = attribute.Key("task.name")
	TaskDetached      = attribute.Key("task.detached")
	UserAgentOriginal = attribute.Key("user_agent.original")
)

// Attributes of HTTP.
const (
	HTTPMethod         = attribute.Key("http.request.method")
	HTTPMethodOriginal = attribute.Key("http.request.method_original")
	HTTPResendCount    = attribute.Key("http.request.resend_count")
	HTTPRoute          = attribute.Key("http.route")
	HTTPStatusCode     = attribute.Key("http.response.status_code")
	URLScheme          = attribute.Key("url.scheme")
	URLPath            = attribute.Key("url.path")
	URLFull            = attribute.Key("url.full")
	URLTemplate        = attribute.Key("url.template")
)

// Attributes of RPC.
const (
	RPCSystemName     = attribute.Key("rpc.system.name")
	RPCMethod         = attribute.Key("rpc.method")
	RPCMethodOriginal = attribute.Key("rpc.method_original")
	RPCStatusCode     = attribute.Key("rpc.response.status_code")
)

// Attributes of databases.
const (
	DBSystemName    = attribute.Key("db.system.name")
	DBNamespace     = attribute.Key("db.namespace")
	DBOperationName = attribute.Key("db.operation.name")
	DBBatchSize     = attribute.Key("db.operation.batch.size")
	DBQuerySummary  = attribute.Key("db.query.summary")
	DBQueryText     = attribute.Key("db.query.text")
	DBStatusCode    = attribute.Key("db.response.status_code")
	DBPoolName      = attribute.Key("db.client.connection.pool.name")
	DBPoolState     = attribute.Key("db.client.connection.state")
)

// Attributes of messaging.
const (
	MessagingSystem        = attribute.Key("messaging.system")
	MessagingOperationName = attribute.Key("messaging.operation.name")
	MessagingOperationType = attribute.Key("messaging.operation.type")
	MessagingDestination   = attribute.Key("messaging.destination.name")
	MessagingTemplate      = attribute.Key("messaging.destination.template")
	MessagingMessageID     = attribute.Key("messaging.message.id")
	MessagingBatchCount    = attribute.Key("messaging.batch.message_count")
	MessagingConsumerGroup = attribute.Key("messaging.consumer.group.name")
)
