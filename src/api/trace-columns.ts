/** Turns the engine's columns of one trace into the contract's: names and services become indexes, events are laid flat. */

import type { ResourceText } from '../model/attribute-text.ts';
import type { TraceColumnsRow } from '../query/trace.ts';
import type { TraceResponse } from './contract.ts';

export type Waterfall = Pick<TraceResponse, 'services' | 'names' | 'columns' | 'events'>;

export function waterfall(row: TraceColumnsRow | undefined): Waterfall {
	if (row === undefined) throw new Error('an aggregate without GROUP BY answers one row');
	const services = new Index();
	const names = new Index();
	const events: TraceResponse['events'] = { span: [], offsetNs: [], name: [] };
	const columns: TraceResponse['columns'] = {
		spanId: row.spanId,
		parentSpanId: row.parentSpanId,
		service: row.service.map((text) => services.of(text)),
		name: row.name.map((text) => names.of(text)),
		kind: row.kind,
		status: row.status,
		startOffsetNs: row.startOffsetNs,
		durationNs: row.durationNs,
		linkCount: row.linkCount,
	};
	for (const [span, eventNames] of row.eventNames.entries()) {
		const offsets = row.eventOffsetsNs[span] ?? [];
		for (const [index, name] of eventNames.entries()) {
			events.span.push(span);
			events.offsetNs.push(offsets[index] ?? 0);
			events.name.push(names.of(name));
		}
	}
	const languages = languagesOf(row.resources);
	return {
		services: services.texts.map((service) => ({ service, language: languages.get(service) ?? null })),
		names: names.texts,
		columns,
		events,
	};
}

class Index {
	readonly texts: string[] = [];
	readonly #indexes = new Map<string, number>();

	of(text: string): number {
		let index = this.#indexes.get(text);
		if (index === undefined) {
			index = this.texts.push(text) - 1;
			this.#indexes.set(text, index);
		}
		return index;
	}
}

function languagesOf(resources: TraceColumnsRow['resources']): Map<string, string> {
	const languages = new Map<string, string>();
	for (const [service, text] of resources) {
		const language = text === '' ? undefined : (JSON.parse(text) as ResourceText).attributes?.['telemetry.sdk.language'];
		if (language !== undefined) languages.set(service, language);
	}
	return languages;
}
