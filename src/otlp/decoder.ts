/**
 * What the decoders of the three signals have in common: the walk from request to record, what is shared by the records of one
 * resource and scope, and taking back what does not hold.
 *
 * ```proto
 * message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }      // same numbers for logs and metrics
 * message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
 * message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
 * ```
 * Fields may come in any order and the schema URL comes last, so each of the two inner messages is walked twice: once for what all its
 * records share, once for the records.
 */

import { type Block, type Mark } from '../model/block.ts';
import type { LowCardinalityColumn } from '../model/columns/low-cardinality.ts';
import { Budget } from './budget.ts';
import { buildResourceText, buildScopeText, EnvelopeCache, type Range } from './envelope-text.ts';
import { HourRule } from './hour.ts';
import { transcodeJson } from './json/transcode.ts';
import { ELEMENTS_MAX, RECORDS_MAX } from './limits.ts';
import { type Rejection, Rejections } from './rejections.ts';
import type { DecodeResult, Encoding } from './result.ts';
import { Wire } from './wire.ts';

/** Decodes requests of one signal into one block. */
export interface Decoder {
	readonly block: Block;
	/**
	 * Appends the records of `body`, an inflated `Export*ServiceRequest`, to the block. `receivedMs` is the time of receipt (epoch). The
	 * body is read in place and not kept. Throws `Failure` `malformed` or `too_large`; the block is then as it was before.
	 */
	decode(body: Uint8Array, encoding: Encoding, receivedMs: number): DecodeResult;
}

const BYTES = 2;
const FIRST = (1 << 3) | BYTES;
const SECOND = (2 << 3) | BYTES;
const THIRD = (3 << 3) | BYTES;

export abstract class SignalDecoder implements Decoder {
	readonly block: Block;
	protected readonly wire = new Wire();
	protected readonly hours = new HourRule();
	protected rejections: Rejections;
	/** Dictionary entries of the resource and scope at hand. */
	protected resourceIndex = 0;
	protected serviceIndex = 0;
	protected scopeIndex = 0;
	/** Events, links and exemplars. */
	protected readonly elements = new Budget(ELEMENTS_MAX);
	private readonly noun: string;
	private readonly resourceColumn: LowCardinalityColumn;
	private readonly serviceColumn: LowCardinalityColumn;
	private readonly scopeColumn: LowCardinalityColumn;
	private readonly resources = new EnvelopeCache(buildResourceText);
	private readonly scopes = new EnvelopeCache(buildScopeText);
	private readonly requestMark: Mark;
	private readonly recordMark: Mark;
	private readonly records = new Budget(RECORDS_MAX);

	/** `noun` is what the records are called in messages. */
	constructor(block: Block, noun: string) {
		this.block = block;
		this.noun = noun;
		this.resourceColumn = block.lowCardinality('resource');
		this.serviceColumn = block.lowCardinality('service_name');
		this.scopeColumn = block.lowCardinality('scope');
		this.rejections = new Rejections(noun);
		this.requestMark = block.mark();
		this.recordMark = block.mark();
	}

	decode(body: Uint8Array, encoding: Encoding, receivedMs: number): DecodeResult {
		const { block, wire } = this;
		block.mark(this.requestMark);
		this.rejections = new Rejections(this.noun);
		this.records.refill();
		this.elements.refill();
		try {
			wire.open(encoding === 'json' ? transcodeJson(this.signal, body) : body);
			this.receive(receivedMs);
			this.request(wire.bytes.length);
		} catch (error) {
			block.rollback(this.requestMark);
			throw error;
		} finally {
			wire.close();
		}
		const accepted = block.rows - this.requestMark.rows;
		const { count, codes } = this.rejections;
		return { accepted, rejected: count, rejections: codes, message: this.rejections.message() };
	}

	protected abstract readonly signal: 'traces' | 'logs' | 'metrics';

	/** Decodes the record (span, log record, metric) at `[wire.at, end)`. */
	protected abstract record(end: number): void;

	protected receive(nowMs: number): void {
		this.hours.receive(nowMs);
	}

	/** Begins a row; false when the request has used up its rows, and the row is then rejected already. */
	protected beginRow(): boolean {
		if (!this.records.take()) {
			const text = `a request may hold ${RECORDS_MAX} ${this.noun}`;
			this.rejections.add({ code: 'request_records', text }, () => `number ${RECORDS_MAX + 1}`);
			return false;
		}
		this.block.mark(this.recordMark);
		return true;
	}

	/** Takes back the row begun last. */
	protected rejectRow(reason: Rejection, example: () => string): void {
		this.block.rollback(this.recordMark);
		this.rejections.add(reason, example);
	}

	private request(end: number): void {
		const { wire } = this;
		while (wire.at < end) {
			const tag = wire.tag();
			if (tag === FIRST) this.resourceEnvelope(wire.chunk(end));
			else wire.skip(tag, end);
		}
		wire.finish(end);
	}

	private resourceEnvelope(end: number): void {
		const { wire } = this;
		const start = wire.at;
		const resource: Range = { start: -1, end: -1 };
		const schemaUrl: Range = { start: -1, end: -1 };
		this.findShared(end, resource, schemaUrl);
		const { text, serviceName } = this.resources.text(wire, resource, schemaUrl);
		this.resourceIndex = this.resourceColumn.dictionary.intern(text, 0, text.bytes.length);
		this.serviceIndex = this.serviceColumn.dictionary.intern(serviceName, 0, serviceName.bytes.length);
		wire.at = start;
		while (wire.at < end) {
			const tag = wire.tag();
			if (tag === SECOND) this.scopeEnvelope(wire.chunk(end));
			else wire.skip(tag, end);
		}
	}

	private scopeEnvelope(end: number): void {
		const { wire } = this;
		const start = wire.at;
		const scope: Range = { start: -1, end: -1 };
		const schemaUrl: Range = { start: -1, end: -1 };
		this.findShared(end, scope, schemaUrl);
		const { text } = this.scopes.text(wire, scope, schemaUrl);
		this.scopeIndex = this.scopeColumn.dictionary.intern(text, 0, text.bytes.length);
		wire.at = start;
		while (wire.at < end) {
			const tag = wire.tag();
			if (tag === SECOND) this.record(wire.chunk(end));
			else wire.skip(tag, end);
		}
	}

	/** Finds fields 1 and 3, which mean the same in both envelope messages, and checks the lengths of all others. */
	private findShared(end: number, message: Range, schemaUrl: Range): void {
		const { wire } = this;
		while (wire.at < end) {
			const tag = wire.tag();
			if (tag !== FIRST && tag !== THIRD) {
				wire.skip(tag, end);
				continue;
			}
			const stop = wire.chunk(end);
			const range = tag === FIRST ? message : schemaUrl;
			range.start = wire.at;
			range.end = stop;
			wire.at = stop;
		}
		wire.finish(end);
	}
}
