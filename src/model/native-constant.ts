/** One more column for a Native block that is already encoded: what the loader knows and the decoder could not. */

import { ByteBuffer } from '../base/byte-buffer.ts';

/**
 * `block` (see `native.ts`) with a last column of type UInt32 that holds `value` in every row, in pieces that share its bytes. What is no
 * block, damaged on its way perhaps, is answered as it is: whoever reads it will say so.
 */
export function withConstant(block: Uint8Array, name: string, value: number): readonly Uint8Array[] {
	const columns = varint(block, 0);
	const rows = columns === undefined ? undefined : varint(block, columns.end);
	// A row takes more than a byte, so more rows than bytes are no rows.
	if (columns === undefined || rows === undefined || rows.value > block.length) return [block];
	const head = new ByteBuffer();
	head.varint(columns.value + 1);
	head.varint(rows.value);
	const tail = new ByteBuffer(name.length + 16);
	for (const text of [name, 'UInt32']) {
		tail.varint(text.length);
		tail.ascii(text);
	}
	const values = new Uint32Array(rows.value).fill(value);
	return [head.contents(), block.subarray(rows.end), tail.contents(), new Uint8Array(values.buffer)];
}

/** LEB128 below 2^53; undefined when there is none. */
function varint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
	let value = 0;
	let end = at;
	for (let factor = 1; factor < 2 ** 49; factor *= 128) {
		const byte = bytes[end++];
		if (byte === undefined) return undefined;
		value += (byte & 0x7f) * factor;
		if (byte < 0x80) return { value, end };
	}
	return undefined;
}
