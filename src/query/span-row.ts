/** A span with everything it came with: what span details, OTLP downloads and Jaeger's JSON are made from. */

import { SPAN_SELECT, type SpanRow as StoredSpan, selectList } from '../model/otlp-json.ts';

/** As the engine answers: 64-bit numbers as decimal text, ids as lower-case hex ('' when absent), maps as objects. */
export interface SpanRow extends StoredSpan {
	readonly service: string;
}

/** The select list that answers `SpanRow`s from `spans`. */
export const SPAN_ROW_COLUMNS: string = selectList([...SPAN_SELECT, ['service_name', 'service']]);
