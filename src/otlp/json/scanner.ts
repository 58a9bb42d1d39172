/**
 * Reads JSON text byte by byte: punctuation, strings, numbers, and over what is of no interest. It makes no JavaScript values but
 * doubles; strings are ranges of the input or, when they hold escapes, of a scratch buffer; integers are two 32-bit halves, so those
 * beyond 2^53 keep every digit.
 */

import { ByteBuffer, type ByteSource } from '../../base/byte-buffer.ts';
import { Failure } from '../../base/errors.ts';
import { utf8Text } from '../../base/utf8.ts';
import { JSON_DEPTH_MAX } from '../limits.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const MINUS = 0x2d;
const TWO_32 = 0x1_0000_0000;
/** What stands after a backslash, and what it means; `u` apart. */
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const ESCAPED = new Uint8Array(256);
for (const [char, meaning] of Object.entries(ESCAPES)) ESCAPED[char.charCodeAt(0)] = meaning.charCodeAt(0);

export class JsonScanner {
	at = 0;
	/** The last string read: `text.bytes[textStart, textEnd)`, unescaped. */
	text: ByteSource;
	textStart = 0;
	textEnd = 0;
	/** Halves of the last integer read, two's complement. */
	lo = 0;
	hi = 0;
	/** The sign of the magnitude in `lo` and `hi`, between `digits` and `fit`. */
	private negative = false;
	private readonly input: ByteSource;
	private readonly end: number;
	private readonly scratch = new ByteBuffer(256);

	constructor(input: ByteSource) {
		this.input = input;
		this.text = input;
		this.end = input.bytes.length;
	}

	/** Steps over white space and returns the byte after it, which is not consumed; 0 at the end. */
	peek(): number {
		const { bytes } = this.input;
		for (;;) {
			const byte = bytes[this.at];
			if (byte === undefined) return 0;
			if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
			this.at++;
		}
	}

	/** Consumes the punctuation `char` (a code) if it comes next. */
	take(char: number): boolean {
		if (this.peek() !== char) return false;
		this.at++;
		return true;
	}

	expect(char: number): void {
		if (!this.take(char)) throw this.fault(`expected "${String.fromCharCode(char)}"`);
	}

	/** Consumes `null` if it comes next. */
	takeNull(): boolean {
		return this.peek() === 0x6e && this.word('null');
	}

	/** Reads a string into `text`. */
	string(): void {
		this.expect(QUOTE);
		const { bytes } = this.input;
		const start = this.at;
		let at = start;
		for (;;) {
			const byte = bytes[at];
			if (byte === undefined) throw this.fault('a string does not end');
			if (byte === QUOTE) break;
			if (byte === BACKSLASH) {
				this.escapedString(start, at);
				return;
			}
			if (byte < 0x20) throw this.fault('a string holds a control character');
			at++;
		}
		this.text = this.input;
		this.textStart = start;
		this.textEnd = at;
		this.at = at + 1;
	}

	bool(): boolean {
		if (this.peek() === 0x74 && this.word('true')) return true;
		if (this.peek() === 0x66 && this.word('false')) return false;
		throw this.fault('expected true or false');
	}

	/** A number, or a string that holds one or the name of one that JSON lacks. */
	double(): number {
		if (this.peek() !== QUOTE) return this.numberText();
		this.string();
		const text = utf8Text(this.text.bytes, this.textStart, this.textEnd);
		const value = text === '' ? Number.NaN : Number(text);
		// `Number` takes more than ProtoJSON does: hexadecimal, blanks, '+Infinity'.
		if ((Number.isNaN(value) && text !== 'NaN') || !/^(NaN|-?Infinity|-?\d+(\.\d+)?([eE][-+]?\d+)?)$/.test(text)) {
			throw this.fault('expected a number');
		}
		return value;
	}

	/** An integer, bare or in a string, into `lo` and `hi`. */
	integer(range: IntegerRange): void {
		const quoted = this.peek() === QUOTE;
		const before = this.at;
		if (quoted) this.at++;
		const exact = this.digits();
		const next = this.input.bytes[this.at];
		if (!exact || next === 0x2e || next === 0x65 || next === 0x45) {
			// A fraction or an exponent: allowed when the value is whole, and then small enough for a double.
			this.at = before;
			const value = this.double();
			if (!Number.isSafeInteger(value)) throw this.fault('expected an integer');
			this.negative = value < 0;
			this.setMagnitude(Math.abs(value));
		} else if (quoted) {
			if (next !== QUOTE) throw this.fault('expected an integer');
			this.at++;
		} else if (this.input.bytes[before + (this.negative ? 1 : 0)] === ZERO && this.at - before > (this.negative ? 2 : 1)) {
			throw this.fault('a number begins with 0');
		}
		this.fit(range);
	}

	/** Steps over any value. */
	skip(depth: number): void {
		if (depth > JSON_DEPTH_MAX) throw this.tooDeep();
		switch (this.peek()) {
			case QUOTE:
				this.string();
				return;
			case 0x7b:
				this.at++;
				this.skipObject(depth);
				return;
			case 0x5b:
				this.at++;
				this.skipArray(depth);
				return;
			case 0x74:
			case 0x66:
				this.bool();
				return;
			case 0x6e:
				if (!this.takeNull()) throw this.fault('expected null');
				return;
			default:
				this.numberText();
		}
	}

	/** After the value: nothing but white space may follow. */
	finish(): void {
		if (this.peek() !== 0 || this.at < this.end) throw this.fault('something follows the end');
	}

	fault(what: string): Failure {
		return new Failure('malformed', `not an OTLP message in JSON: ${what}, near byte ${this.at}`);
	}

	tooDeep(): Failure {
		return this.fault(`objects and arrays nest deeper than ${JSON_DEPTH_MAX}`);
	}

	private skipObject(depth: number): void {
		if (this.take(0x7d)) return;
		do {
			this.string();
			this.expect(0x3a);
			this.skip(depth + 1);
		} while (this.take(0x2c));
		this.expect(0x7d);
	}

	private skipArray(depth: number): void {
		if (this.take(0x5d)) return;
		do this.skip(depth + 1);
		while (this.take(0x2c));
		this.expect(0x5d);
	}

	private word(text: string): boolean {
		for (let i = 0; i < text.length; i++) if (this.input.bytes[this.at + i] !== text.charCodeAt(i)) return false;
		this.at += text.length;
		return true;
	}

	/** A bare JSON number. */
	private numberText(): number {
		this.peek();
		const { bytes } = this.input;
		const start = this.at;
		let at = start;
		while (isNumberByte(bytes[at] ?? 0)) at++;
		const text = utf8Text(bytes, start, at);
		if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(text)) throw this.fault('expected a value');
		this.at = at;
		return Number(text);
	}

	/**
	 * Reads an optional minus and up to 20 digits at `at` as a magnitude into `lo` and `hi`; false when there are none or too many. Five
	 * digits a step: 2^32 * 10^5 is exact in a double.
	 */
	private digits(): boolean {
		const { bytes } = this.input;
		this.negative = bytes[this.at] === MINUS;
		if (this.negative) this.at++;
		const start = this.at;
		let lo = 0;
		let hi = 0;
		let chunk = 0;
		let scale = 1;
		for (;;) {
			const digit = (bytes[this.at] ?? 0) - 0x30;
			const more = digit >= 0 && digit <= 9;
			if (more) {
				chunk = chunk * 10 + digit;
				scale *= 10;
				this.at++;
			}
			if (!more || scale === 100_000) {
				lo = lo * scale + chunk;
				const carry = Math.floor(lo / TWO_32);
				lo -= carry * TWO_32;
				hi = hi * scale + carry;
				chunk = 0;
				scale = 1;
				if (!more) break;
			}
		}
		this.lo = lo;
		this.hi = hi;
		const count = this.at - start;
		return count > 0 && count <= 20 && hi < TWO_32;
	}

	private setMagnitude(value: number): void {
		this.hi = Math.floor(value / TWO_32);
		this.lo = value - this.hi * TWO_32;
	}

	/** Applies the sign and checks that the integer is one of `range`. */
	private fit(range: IntegerRange): void {
		const { lo, hi } = this;
		const most = this.negative ? LEAST[range] : MOST[range];
		if (hi > most.hi || (hi === most.hi && lo > most.lo)) throw this.fault(`a number is out of range for ${range}`);
		this.lo = (this.negative ? -lo : lo) | 0;
		this.hi = (this.negative ? ~hi + (lo === 0 ? 1 : 0) : hi) | 0;
	}

	/** The rest of a string whose first escape is at `escape`, unescaped into the scratch buffer. */
	private escapedString(start: number, escape: number): void {
		const { scratch, input } = this;
		scratch.reset();
		let from = start;
		this.at = escape;
		for (;;) {
			const byte = input.bytes[this.at];
			if (byte === undefined) throw this.fault('a string does not end');
			if (byte < 0x20) throw this.fault('a string holds a control character');
			if (byte === QUOTE) break;
			if (byte !== BACKSLASH) {
				this.at++;
				continue;
			}
			scratch.appendRange(input, from, this.at);
			this.escape();
			from = this.at;
		}
		scratch.appendRange(input, from, this.at++);
		this.text = scratch.source();
		this.textStart = 0;
		this.textEnd = scratch.length;
	}

	/** Appends what the escape at `at` means. */
	private escape(): void {
		const { scratch, input } = this;
		const char = input.bytes[this.at + 1] ?? 0;
		const meaning = ESCAPED[char] as number;
		if (meaning !== 0) {
			scratch.byte(meaning);
			this.at += 2;
			return;
		}
		let units = this.codeUnit(this.at);
		this.at += 6;
		if (isHighSurrogate(units) && input.bytes[this.at] === BACKSLASH && input.bytes[this.at + 1] === 0x75) {
			units += this.codeUnit(this.at);
			this.at += 6;
		}
		// A lone surrogate becomes U+FFFD.
		scratch.utf8(units);
	}

	/** The UTF-16 unit of the `\uXXXX` at `at`. */
	private codeUnit(at: number): string {
		const digits = utf8Text(this.input.bytes, at, Math.min(at + 6, this.end));
		if (!/^\\u[0-9a-fA-F]{4}$/.test(digits)) throw this.fault('a string holds an unknown escape');
		return String.fromCharCode(Number.parseInt(digits.slice(2), 16));
	}
}

export type IntegerRange = 'int32' | 'uint32' | 'int64' | 'uint64';

interface Magnitude {
	readonly hi: number;
	readonly lo: number;
}

const MOST: Readonly<Record<IntegerRange, Magnitude>> = {
	int32: { hi: 0, lo: 0x7fff_ffff },
	uint32: { hi: 0, lo: 0xffff_ffff },
	int64: { hi: 0x7fff_ffff, lo: 0xffff_ffff },
	uint64: { hi: 0xffff_ffff, lo: 0xffff_ffff },
};

/** Magnitudes of the least values. */
const LEAST: Readonly<Record<IntegerRange, Magnitude>> = {
	int32: { hi: 0, lo: 0x8000_0000 },
	uint32: { hi: 0, lo: 0 },
	int64: { hi: 0x8000_0000, lo: 0 },
	uint64: { hi: 0, lo: 0 },
};

function isHighSurrogate(unit: string): boolean {
	return unit >= '\ud800' && unit <= '\udbff';
}

/** Digits, signs, point and exponent. */
function isNumberByte(byte: number): boolean {
	return (byte >= 0x30 && byte <= 0x39) || byte === MINUS || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45;
}
