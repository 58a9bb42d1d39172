/**
 * How fast OTLP becomes ClickHouse Native, on one thread: `node bench/decode/decode.ts`. Takes some 20 s, or `SECONDS=…`.
 *
 * All contestants take turns on the same requests, so that a busy machine slows all of them; each is reported by its median round, per
 * second of wall time and per second of CPU (the second tells more on a shared machine). Last line: one JSON object.
 */

import { Block } from '../../src/model/block.ts';
import { encodeNative } from '../../src/model/native.ts';
import { SPANS } from '../../src/model/schema.ts';
import { createDecoder } from '../../src/otlp/decode.ts';
import { referenceJson } from '../../test/otlp/canonical.ts';
import { REQUEST_TYPE } from '../../test/otlp/reference.ts';
import { traceRequests } from './requests.ts';

const SPANS_PER_REQUEST = 512;
const REQUESTS_PER_BLOCK = 24;
const SPANS_PER_ROUND = SPANS_PER_REQUEST * REQUESTS_PER_BLOCK;
/** Rounds before the compiler has settled, and those measured at least. */
const WARM_UP_ROUNDS = 10;
const ROUNDS_MIN = 5;
const SEED = 1;
const RECEIVED_MS = 1_700_000_000_000;
const budgetMs = Number(process.env['SECONDS'] ?? 18) * 1000;

const requests = traceRequests(REQUESTS_PER_BLOCK, SPANS_PER_REQUEST, SEED);
const requestsJson = requests.map((body) => Buffer.from(JSON.stringify(referenceJson('traces', body))));
const block = new Block(SPANS.columns);
const decoder = createDecoder('traces', block);
const totalBytes = (bodies: readonly Uint8Array[]) => bodies.reduce((sum, { length }) => sum + length, 0);

function decodeAll(bodies: readonly Uint8Array[], encoding: 'protobuf' | 'json'): void {
	block.reset();
	for (const body of bodies) {
		const { accepted } = decoder.decode(body, encoding, RECEIVED_MS);
		if (accepted !== SPANS_PER_REQUEST) throw new Error(`${accepted} of ${SPANS_PER_REQUEST} spans accepted`);
	}
}

const contestants = {
	decode: () => decodeAll(requests, 'protobuf'),
	encode: () => void encodeNative(block),
	'decode + encode': () => {
		decodeAll(requests, 'protobuf');
		encodeNative(block);
	},
	'decode JSON': () => decodeAll(requestsJson, 'json'),
	'protobufjs decode': () => {
		for (const body of requests) REQUEST_TYPE.traces.decode(body);
	},
	'JSON.parse': () => {
		for (const body of requestsJson) JSON.parse(body.toString());
	},
};
type Name = keyof typeof contestants;

interface Rate {
	readonly perSecond: number;
	readonly perCpuSecond: number;
}

function measure(run: () => void): Rate {
	const cpuBefore = process.cpuUsage();
	const before = performance.now();
	run();
	const elapsedMs = performance.now() - before;
	const { user, system } = process.cpuUsage(cpuBefore);
	return { perSecond: (SPANS_PER_ROUND / elapsedMs) * 1000, perCpuSecond: (SPANS_PER_ROUND / (user + system)) * 1e6 };
}

function median(values: readonly number[]): number {
	return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const rates = new Map<Name, Rate[]>(Object.keys(contestants).map((name) => [name as Name, []]));
const started = performance.now();
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS_MIN || performance.now() - started < budgetMs; round++) {
	for (const [name, list] of rates) {
		const rate = measure(contestants[name]);
		if (round >= WARM_UP_ROUNDS) list.push(rate);
	}
}

const medians = (name: Name): Rate => ({
	perSecond: median((rates.get(name) ?? []).map(({ perSecond }) => perSecond)),
	perCpuSecond: median((rates.get(name) ?? []).map(({ perCpuSecond }) => perCpuSecond)),
});
const bytesPerSpan = totalBytes(requests) / SPANS_PER_ROUND;
decodeAll(requests, 'protobuf');
const nativeBytesPerSpan = encodeNative(block).length / SPANS_PER_ROUND;

console.log(
	`Node ${process.version}, ${SPANS_PER_REQUEST} spans a request, ${REQUESTS_PER_BLOCK} requests a block, ${rates.get('decode')?.length} rounds`,
);
console.log(
	`${bytesPerSpan.toFixed(0)} bytes/span protobuf, ${(totalBytes(requestsJson) / SPANS_PER_ROUND).toFixed(0)} JSON, ${nativeBytesPerSpan.toFixed(0)} Native\n`,
);
console.log(`${'one thread'.padEnd(20)}${'spans/s'.padStart(12)}${'spans/CPU s'.padStart(14)}`);
for (const name of rates.keys()) {
	const { perSecond, perCpuSecond } = medians(name);
	console.log(
		`${name.padEnd(20)}${Math.round(perSecond).toLocaleString('en').padStart(12)}${Math.round(perCpuSecond).toLocaleString('en').padStart(14)}`,
	);
}
console.log(
	`\n${JSON.stringify({
		decode_spans_per_s: Math.round(medians('decode').perSecond),
		decode_encode_spans_per_s: Math.round(medians('decode + encode').perSecond),
		decode_encode_spans_per_cpu_s: Math.round(medians('decode + encode').perCpuSecond),
		decode_json_spans_per_s: Math.round(medians('decode JSON').perSecond),
		protobufjs_spans_per_s: Math.round(medians('protobufjs decode').perSecond),
		bytes_per_span: Math.round(bytesPerSpan),
		native_bytes_per_span: Math.round(nativeBytesPerSpan),
	})}`,
);
