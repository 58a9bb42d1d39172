/** Log records from the wire into columns. */

import { ByteSource } from '../base/byte-buffer.ts';
import { utf8Bytes } from '../base/utf8.ts';
import type { Block } from '../model/block.ts';
import { LETTERS, TOO_DEEP, writeAnyValue } from './any-value.ts';
import { AttributeWriter } from './attributes.ts';
import { SignalDecoder } from './decoder.ts';
import { Fields } from './fields.ts';
import { VALUE_DEPTH_MAX } from './limits.ts';
import type { Rejection } from './rejections.ts';
import { WIRE } from './wire.ts';

const { varint: VARINT, fixed64: FIXED64, bytes: BYTES, fixed32: FIXED32 } = WIRE;

/** Field numbers of `LogRecord`. */
const LOG = {
	time: 1,
	severityNumber: 2,
	severityText: 3,
	body: 5,
	attributes: 6,
	droppedAttributes: 7,
	flags: 8,
	traceId: 9,
	spanId: 10,
	observedTime: 11,
	eventName: 12,
} as const;

const BODY_TOO_DEEP: Rejection = { code: 'body_depth', text: `the body nests deeper than ${VALUE_DEPTH_MAX} arrays and maps` };
/** Values of `body_type` by letter number: a string has one here, because '' says that there is no body. */
const BODY_TYPES = LETTERS.map((letter) => new ByteSource(utf8Bytes(letter === '' ? 's' : letter)));

function logColumns(block: Block) {
	return {
		hour: block.fixed('hour'),
		time: block.fixed('time'),
		timeNs: block.fixed('time_ns'),
		observedTimeNs: block.fixed('observed_time_ns'),
		traceId: block.fixed('trace_id'),
		spanId: block.fixed('span_id'),
		flags: block.fixed('flags'),
		serviceName: block.lowCardinality('service_name'),
		severityNumber: block.fixed('severity_number'),
		severityText: block.lowCardinality('severity_text'),
		eventName: block.lowCardinality('event_name'),
		body: block.string('body'),
		bodyType: block.lowCardinality('body_type'),
		droppedAttributes: block.fixed('dropped_attributes'),
		resource: block.lowCardinality('resource'),
		scope: block.lowCardinality('scope'),
	};
}

export class LogDecoder extends SignalDecoder {
	protected readonly signal = 'logs';
	private readonly columns: ReturnType<typeof logColumns>;
	private readonly attributes: AttributeWriter;
	private readonly log = new Fields(LOG.eventName);
	private receivedLo = 0;
	private receivedHi = 0;

	constructor(block: Block) {
		super(block, 'log records');
		this.columns = logColumns(block);
		this.attributes = new AttributeWriter(block.map('attributes'), block.lowCardinality('attribute_types'));
	}

	protected override receive(nowMs: number): void {
		super.receive(nowMs);
		const nowNs = BigInt(Math.floor(nowMs)) * 1_000_000n;
		this.receivedLo = Number(BigInt.asIntN(32, nowNs));
		this.receivedHi = Number(BigInt.asIntN(32, nowNs >> 32n));
	}

	protected record(end: number): void {
		const { wire, log } = this;
		if (!this.beginRow()) {
			wire.at = end;
			return;
		}
		this.readLog(end);
		if (!this.pushBody()) {
			this.rejectRow(BODY_TOO_DEEP, () => `of severity ${log.uint32(LOG.severityNumber)}`);
			return;
		}
		this.pushLog();
		this.block.commitRow();
		wire.at = end;
	}

	/**
	 * ```proto
	 * message LogRecord { fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3; AnyValue body = 5;
	 *   repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8; bytes trace_id = 9;
	 *   bytes span_id = 10; fixed64 observed_time_unix_nano = 11; string event_name = 12; }
	 * ```
	 */
	private readLog(end: number): void {
		const { wire, log } = this;
		log.clear();
		this.attributes.begin();
		while (wire.at < end) {
			const tag = wire.tag();
			switch (tag) {
				case (LOG.attributes << 3) | BYTES:
					this.attributes.addRun(wire, tag, end);
					break;
				case (LOG.time << 3) | FIXED64:
				case (LOG.severityNumber << 3) | VARINT:
				case (LOG.severityText << 3) | BYTES:
				case (LOG.body << 3) | BYTES:
				case (LOG.droppedAttributes << 3) | VARINT:
				case (LOG.flags << 3) | FIXED32:
				case (LOG.traceId << 3) | BYTES:
				case (LOG.spanId << 3) | BYTES:
				case (LOG.observedTime << 3) | FIXED64:
				case (LOG.eventName << 3) | BYTES:
					log.read(wire, tag, end);
					break;
				default:
					wire.skip(tag, end);
			}
		}
		wire.finish(end);
	}

	/** The body and its type; false when it nests too deeply. */
	private pushBody(): boolean {
		const { wire, columns, log } = this;
		if (!log.has(LOG.body)) {
			columns.body.pushEmpty();
			columns.bodyType.pushIndex(0);
			return true;
		}
		const opened = columns.body.begin();
		wire.at = log.lo[LOG.body] as number;
		const letter = writeAnyValue(wire, log.hi[LOG.body] as number, columns.body.data);
		columns.body.finish(opened);
		if (letter === TOO_DEEP) return false;
		columns.bodyType.push(BODY_TYPES[letter] as ByteSource, 0, 1);
		return true;
	}

	private pushLog(): void {
		const { wire, columns, log } = this;
		let lo = log.lo[LOG.time] as number;
		let hi = log.hi[LOG.time] as number;
		if ((lo | hi) === 0) {
			lo = log.lo[LOG.observedTime] as number;
			hi = log.hi[LOG.observedTime] as number;
		}
		if ((lo | hi) === 0) {
			lo = this.receivedLo;
			hi = this.receivedHi;
		}
		columns.hour.push32(this.hours.of(lo, hi));
		columns.time.push64(lo, hi);
		log.push64(columns.timeNs, LOG.time);
		log.push64(columns.observedTimeNs, LOG.observedTime);
		log.pushId(columns.traceId, wire, LOG.traceId);
		log.pushId(columns.spanId, wire, LOG.spanId);
		log.push32(columns.flags, LOG.flags);
		columns.serviceName.pushIndex(this.serviceIndex);
		log.push32(columns.severityNumber, LOG.severityNumber);
		log.pushName(columns.severityText, wire, LOG.severityText);
		log.pushName(columns.eventName, wire, LOG.eventName);
		this.attributes.end();
		columns.droppedAttributes.push32(log.uint32(LOG.droppedAttributes) + this.attributes.dropped);
		columns.resource.pushIndex(this.resourceIndex);
		columns.scope.pushIndex(this.scopeIndex);
	}
}
