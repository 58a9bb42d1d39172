/**
 * Attributes and other values of OTLP, in a form that is the same in every language. What is not compared as it is has a stand-in, and
 * each stand-in its reason.
 */

import type { Message } from './receiver.ts';

export type Attributes = Readonly<Record<string, unknown>>;

interface StandIn {
	/** The value must be one of these to have a stand-in; any other is compared as it is. */
	readonly fits: (value: unknown) => boolean;
	readonly put: (value: never, numbers: Numbers) => unknown;
	readonly reason: string;
}

/** By attribute: everything whose value is not compared. */
const STAND_INS: Readonly<Record<string, StandIn>> = {
	'server.port': {
		fits: (value) => typeof value === 'number' && value > 0 && value < 65_536,
		put: (value: number, numbers) => numbers.portName(value),
		reason: 'the system gives a free port; which port of the scenario it is, in the order they appear, is compared',
	},
	'url.full': {
		fits: (value) => typeof value === 'string' && LOCAL_URL.test(value),
		put: (value: string, numbers) =>
			value.replace(LOCAL_URL, (_, host: string, port: string) => `${host}:${numbers.portName(Number(port))}`),
		reason: 'as server.port',
	},
	'messaging.kafka.offset': {
		fits: (value) => typeof value === 'number' && value >= 0,
		put: (value: number, numbers) => numbers.offsetName(value),
		reason: 'the broker lives longer than a scenario; how far offsets are from the first one is compared',
	},
	'error.type': {
		fits: (value) => typeof value === 'string' && !SHARED_ERROR_TYPE.test(value) && TYPE_NAME.test(value),
		put: () => '<type>',
		reason: 'the name of a type of the language, where spec/README.md has no word of its own for the error',
	},
	'exception.stacktrace': {
		fits: (value) => typeof value === 'string' && value !== '',
		put: () => undefined,
		reason: 'Go tells the stack of a panic, Rust has none after the fact',
	},
};

const LOCAL_URL = /^(http:\/\/127\.0\.0\.1):([0-9]+)/;
// The values error.type may have in every language: a status, a SQLSTATE, or one of the kits' own words (those of the guard too).
const SHARED_ERROR_TYPE =
	/^([0-9]{3}|[0-9A-Z]{5}|[A-Z_]+|timeout|canceled|connection_refused|connection_reset|host_not_found|broken_response|panic|queue_full|byte_limit|circuit_open|export_failed|rejected|shutdown)$/;
const TYPE_NAME = /^\*?[A-Za-z_][\w]*(((::)|[./-])[\w<>*]+)*$/;

/** Numbers of one scenario that mean something only beside each other. */
export class Numbers {
	readonly #ports: number[] = [];
	#offset: number | undefined;

	portName(port: number): string {
		if (!this.#ports.includes(port)) this.#ports.push(port);
		const at = this.#ports.indexOf(port);
		return at === 0 ? '<port>' : `<port ${at + 1}>`;
	}

	offsetName(offset: number): string {
		this.#offset ??= offset;
		return offset === this.#offset ? '<offset>' : `<offset${offset > this.#offset ? '+' : ''}${offset - this.#offset}>`;
	}
}

/** What a stand-in stands for, as far as types go: for those who check types. */
export function withoutStandIns(attributes: Attributes): Attributes {
	return Object.fromEntries(
		Object.entries(attributes).map(([key, value]) => [
			key,
			typeof value === 'string' && /^<(port|offset)[ +\-0-9]*>$/.test(value) ? 1 : value,
		]),
	);
}

/** Sorted by key, stand-ins put in; a key that is there twice is a problem. */
export function attributesOf(value: unknown, numbers: Numbers, problems: string[]): Attributes {
	const found = new Map<string, unknown>();
	for (const pair of list(value)) {
		const key = text(pair['key']);
		if (found.has(key)) problems.push(`attribute ${key} is there twice`);
		const own = valueOf(object(pair['value']), problems);
		const standIn = Object.hasOwn(STAND_INS, key) ? STAND_INS[key] : undefined;
		found.set(key, standIn?.fits(own) ? standIn.put(own as never, numbers) : own);
	}
	return Object.fromEntries([...found].filter(([, each]) => each !== undefined).sort(([a], [b]) => compare(a, b)));
}

/** Doubles, bytes and nothing are told apart from integers and strings, which JSON alone would not do. */
export function valueOf(value: Message, problems: string[]): unknown {
	if (value['stringValue'] !== undefined) return value['stringValue'];
	if (value['boolValue'] !== undefined) return value['boolValue'];
	if (value['intValue'] !== undefined) return wholeNumber(value['intValue']);
	if (value['doubleValue'] !== undefined) return { double: value['doubleValue'] };
	if (value['bytesValue'] !== undefined) return { bytes: hex(value['bytesValue']) };
	if (value['arrayValue'] !== undefined) return list(object(value['arrayValue'])['values']).map((each) => valueOf(each, problems));
	if (value['kvlistValue'] !== undefined) return attributesOf(object(value['kvlistValue'])['values'], new Numbers(), problems);
	return { empty: true };
}

/** As a number where that is exact. */
function wholeNumber(value: unknown): unknown {
	const number = Number(value);
	return Number.isSafeInteger(number) ? number : { int: text(value) };
}

/** The names of the fields that say something: two messages of one shape differ in values only. */
export function shapeOf(message: Message): string {
	return Object.entries(message)
		.filter(([, value]) => !isDefault(value))
		.map(([key]) => key)
		.sort()
		.join(' ');
}

function isDefault(value: unknown): boolean {
	if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
	if (typeof value === 'object' && value !== null) return Object.values(value).every(isDefault);
	return value === undefined || value === '' || value === false || Number(value) === 0;
}

export const list = (value: unknown): Message[] => (Array.isArray(value) ? (value as Message[]) : []);
export const object = (value: unknown): Message => (typeof value === 'object' && value !== null ? (value as Message) : {});
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const hex = (value: unknown): string => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : '');
export const nanos = (value: unknown): bigint => BigInt(text(value) || 0);
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
