/**
 * What the three signals have in common on the way back to OTLP JSON: resources and scopes around the records, attributes with their
 * types, and the rules of the encoding: 64-bit integers are decimal strings, doubles that are no JSON numbers are strings, a field at its
 * default is left out.
 */

import { parseTypes, type ResourceText, type ScopeText, type TypeLetter } from '../attribute-text.ts';
import type { TextMap } from './rows.ts';

export type Json = boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
	readonly [field: string]: Json;
}

/** What a field may be given as; `present` leaves out what says nothing. */
type Optional = Json | undefined;

interface Enveloped {
	readonly resource: string;
	readonly scope: string;
}

/** Names of the two inner envelope messages' repeated fields. */
export interface EnvelopeNames {
	readonly scopes: string;
	readonly records: string;
}

/** The `Resource*` messages of `rows`, in the order resources and scopes first occur; `records` makes those of one scope. */
export function envelopes<Row extends Enveloped>(
	rows: readonly Row[],
	names: EnvelopeNames,
	records: (rows: readonly Row[]) => readonly JsonObject[],
): JsonObject[] {
	return Array.from(
		Map.groupBy(rows, (row) => row.resource),
		([resourceText, inResource]) => {
			const resource = parse<ResourceText>(resourceText);
			return present({
				resource: resource && {
					...attributeFields(resource.attributes, resource.types, resource.dropped),
					...present({ entityRefs: resource.entityRefs as readonly Json[] | undefined }),
				},
				[names.scopes]: Array.from(
					Map.groupBy(inResource, (row) => row.scope),
					([scopeText, inScope]) => {
						const scope = parse<ScopeText>(scopeText);
						return present({
							scope: scope && {
								...present({ name: scope.name, version: scope.version }),
								...attributeFields(scope.attributes, scope.types, scope.dropped),
							},
							[names.records]: records(inScope),
							schemaUrl: scope?.schemaUrl,
						});
					},
				),
				schemaUrl: resource?.schemaUrl,
			});
		},
	);
}

/** `attributes` and `droppedAttributesCount` as members of the message that has them. */
export function attributeFields(attributes: TextMap = {}, types = '', dropped = 0): JsonObject {
	return present({ attributes: keyValues(attributes, types), droppedAttributesCount: dropped });
}

/** `repeated KeyValue` of a map column and its types text. */
export function keyValues(attributes: TextMap, types: string): JsonObject[] {
	const letters = parseTypes(types);
	return Object.entries(attributes).map(([key, text]) => ({ key, value: anyValue(text, letters.get(key)) }));
}

/** An `AnyValue` from its text; without a letter it is a string. */
export function anyValue(text: string, letter: TypeLetter | undefined): JsonObject {
	switch (letter) {
		case undefined:
			return { stringValue: text };
		case 'i':
			return { intValue: text };
		case 'd':
			return { doubleValue: double(text) };
		case 'b':
			return { boolValue: text === 'true' };
		case 'x':
			return { bytesValue: text };
		case 'a':
			return { arrayValue: JSON.parse(text) as JsonObject };
		case 'm':
			return { kvlistValue: JSON.parse(text) as JsonObject };
		case 'n':
			return {};
	}
}

/** A double from its text, ours or ClickHouse's (`nan`, `inf`): a number, or a string where JSON has no such number. */
export function double(text: string): number | string {
	switch (text) {
		case 'nan':
		case '-nan':
		case 'NaN':
			return 'NaN';
		case 'inf':
		case 'Infinity':
			return 'Infinity';
		case '-inf':
		case '-Infinity':
			return '-Infinity';
		case '-0':
			return '-0';
		default:
			return Number(text);
	}
}

/** A double that says nothing when it is zero; -0 does. */
export function nonZero(text: string): number | string | undefined {
	const value = double(text);
	return value === 0 ? undefined : value;
}

/** The unsigned decimal of a 64-bit integer given as a signed or unsigned one; undefined when zero. */
export function unsigned(text: string | bigint): string | undefined {
	const value = BigInt.asUintN(64, BigInt(text));
	return value === 0n ? undefined : String(value);
}

/** Without the fields at their default: undefined, '', 0, false and empty arrays. Messages stay, also empty ones. */
export function present(fields: Readonly<Record<string, Optional>>): JsonObject {
	const kept = Object.entries(fields).filter(([, value]) => {
		if (value === undefined || value === '' || value === 0 || value === false) return false;
		return !(Array.isArray(value) && value.length === 0);
	});
	return Object.fromEntries(kept) as JsonObject;
}

function parse<T>(text: string): T | undefined {
	return text === '' ? undefined : (JSON.parse(text) as T);
}
