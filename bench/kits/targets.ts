/** What the kits may cost: the targets of `make bench-kits`, and how each is reckoned from the benchmarks. */

export interface Cost {
	readonly ns: number;
	/** Go only. */
	readonly allocs?: number;
}
export type Costs = ReadonlyMap<string, Cost>;

export interface Target {
	readonly what: string;
	readonly got: number;
	readonly most: number;
	readonly unit: string;
}

function of(costs: Costs, name: string): Cost {
	const cost = costs.get(name);
	if (cost === undefined) throw new Error(`no benchmark ${name} ran`);
	return cost;
}

const over = (costs: Costs, name: string, base: string): number => Math.max(0, of(costs, name).ns - of(costs, base).ns);

export function goTargets(go: Costs): Target[] {
	const extra = (name: string, base: string): number => (of(go, name).allocs ?? 0) - (of(go, base).allocs ?? 0);
	return [
		{ what: 'Go: a disabled span', got: of(go, 'Span/kit-disabled').ns, most: 20, unit: 'ns' },
		{ what: 'Go: allocations of a disabled span', got: of(go, 'Span/kit-disabled').allocs ?? 0, most: 0, unit: '' },
		{
			what: 'Go: a disabled HTTP server, over the bare handler',
			got: over(go, 'Server/kit-disabled', 'Server/bare'),
			most: 20,
			unit: 'ns',
		},
		{ what: 'Go: allocations of a disabled HTTP server', got: extra('Server/kit-disabled', 'Server/bare'), most: 0, unit: '' },
		{
			what: 'Go: a disabled HTTP client, over the bare transport',
			got: over(go, 'Client/kit-disabled', 'Client/bare'),
			most: 20,
			unit: 'ns',
		},
		{ what: 'Go: allocations of a disabled HTTP client', got: extra('Client/kit-disabled', 'Client/bare'), most: 0, unit: '' },
		{
			what: 'Go: an unsampled span, of the raw SDK',
			got: of(go, 'Span/kit-unsampled').ns / of(go, 'Span/sdk-unsampled').ns,
			most: 1.3,
			unit: '×',
		},
		{
			what: 'Go: a sampled HTTP request, over the bare handler',
			got: over(go, 'Server/kit-sampled', 'Server/bare'),
			most: 5000,
			unit: 'ns',
		},
		{
			what: 'Go: a sampled HTTP request, of otelhttp',
			got: over(go, 'Server/kit-sampled', 'Server/bare') / over(go, 'Server/otelhttp-sampled', 'Server/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Go: an unsampled HTTP request, of otelhttp',
			got: over(go, 'Server/kit-unsampled', 'Server/bare') / over(go, 'Server/otelhttp-unsampled', 'Server/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Go: a sampled HTTP call, of otelhttp',
			got: over(go, 'Client/kit-sampled', 'Client/bare') / over(go, 'Client/otelhttp-sampled', 'Client/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Go: a sampled gRPC call, both ends, of otelgrpc',
			got: of(go, 'Unary/kit-sampled').ns / of(go, 'Unary/otelgrpc-sampled').ns,
			most: 1,
			unit: '×',
		},
	];
}

export function rustTargets(rust: Costs): Target[] {
	return [
		{ what: 'Rust: a disabled span', got: of(rust, 'span/kit-disabled').ns, most: 10, unit: 'ns' },
		{
			what: 'Rust: a disabled HTTP server, over a layer that has a state and does nothing',
			got: over(rust, 'server/kit-disabled', 'server/any-layer-with-state'),
			most: 10,
			unit: 'ns',
		},
		{
			what: 'Rust: an unsampled span, of one of the raw SDK that is active while a future runs',
			got: of(rust, 'span/kit-unsampled').ns / of(rust, 'span/sdk-unsampled-active').ns,
			most: 1.3,
			unit: '×',
		},
		{
			what: 'Rust: a sampled HTTP request, over the bare router',
			got: over(rust, 'server/kit-sampled', 'server/bare'),
			most: 5000,
			unit: 'ns',
		},
		{
			what: 'Rust: a sampled HTTP request, of opentelemetry-instrumentation-tower',
			got: over(rust, 'server/kit-sampled', 'server/bare') / over(rust, 'server/tower-sampled', 'server/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Rust: an unsampled HTTP request, of opentelemetry-instrumentation-tower',
			got: over(rust, 'server/kit-unsampled', 'server/bare') / over(rust, 'server/tower-unsampled', 'server/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Rust: a sampled gRPC call, of tonic-tracing-opentelemetry',
			got: over(rust, 'unary/kit-sampled', 'unary/bare') / over(rust, 'unary/tonic-sampled', 'unary/bare'),
			most: 1,
			unit: '×',
		},
		{
			what: 'Rust: an unsampled gRPC call, of tonic-tracing-opentelemetry',
			got: over(rust, 'unary/kit-unsampled', 'unary/bare') / over(rust, 'unary/tonic-unsampled', 'unary/bare'),
			most: 1,
			unit: '×',
		},
	];
}
