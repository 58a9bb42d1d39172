/** OTLP's tagged JSON values (`{"values":[{"intValue":"1"}]}`) as the plain JSON people expect (`[1]`); integers keep all 64 bits. */

interface AnyValueJson {
	readonly stringValue?: string;
	readonly intValue?: string | number;
	readonly doubleValue?: number | string;
	readonly boolValue?: boolean;
	readonly bytesValue?: string;
	readonly arrayValue?: { readonly values?: readonly AnyValueJson[] };
	readonly kvlistValue?: { readonly values?: readonly { readonly key?: string; readonly value?: AnyValueJson }[] };
}

/** Text of an `ArrayValue` (`a`) or `KeyValueList` (`m`); text that is not OTLP JSON is given back as it is. */
export function plainJson(letter: 'a' | 'm', text: string): string {
	try {
		const value: unknown = JSON.parse(text);
		return write(
			letter === 'a'
				? { arrayValue: value as AnyValueJson['arrayValue'] & object }
				: { kvlistValue: value as AnyValueJson['kvlistValue'] & object },
		);
	} catch {
		return text;
	}
}

function write(value: AnyValueJson): string {
	if (value.arrayValue !== undefined) return `[${(value.arrayValue.values ?? []).map(write).join(',')}]`;
	if (value.kvlistValue !== undefined)
		return `{${(value.kvlistValue.values ?? []).map((entry) => `${JSON.stringify(entry.key ?? '')}:${write(entry.value ?? {})}`).join(',')}}`;
	if (value.intValue !== undefined) return /^-?\d+$/.test(String(value.intValue)) ? String(value.intValue) : JSON.stringify(value.intValue);
	if (value.doubleValue !== undefined) return JSON.stringify(value.doubleValue);
	return JSON.stringify(value.stringValue ?? value.boolValue ?? value.bytesValue ?? null);
}
