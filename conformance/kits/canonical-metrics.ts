/** Metrics of one scenario in a form that is the same whenever they are: counts, and whether what was measured is possible. */

import type { Message } from './receiver.ts';
import { type Attributes, attributesOf, hex, list, type Numbers, nanos, object, shapeOf, text } from './values.ts';

export interface Point {
	readonly name: string;
	readonly attributes: Attributes;
	readonly count?: number;
	readonly value?: unknown;
	/** The span that was measured, or `any` of several. What goes up and down is about no span. */
	readonly exemplar?: number | string;
}

export interface Definition {
	readonly scope: string;
	readonly kind: string;
	readonly unit: string;
	readonly description: string;
	readonly buckets?: readonly number[] | 'exponential';
}

type PlaceOf = (spanId: string, traceId: string) => number | string;

export const pointKey = ({ name, attributes }: Point): string => `${name}\n${JSON.stringify(attributes)}`;

const CUMULATIVE = 2;

/** `fine`: the fields its data points have, for the comparison of the kits. */
export function canonicalMetric(
	metric: Message,
	scope: string,
	placeOf: PlaceOf,
	numbers: Numbers,
	problems: string[],
): { points: Point[]; definition: Definition; fine: readonly string[] } {
	const name = text(metric['name']);
	const [kind = 'empty'] = ['histogram', 'sum', 'gauge', 'exponentialHistogram', 'summary'].filter((one) => metric[one] !== undefined);
	const data = object(metric[kind]);
	const points = list(data['dataPoints']);
	if (kind !== 'gauge' && Number(data['aggregationTemporality'] ?? 0) !== CUMULATIVE) problems.push(`${name} is not cumulative`);
	const bounds = points.map((point) => list(point['explicitBounds']) as unknown as number[]);
	if (new Set(bounds.map((each) => JSON.stringify(each))).size > 1) problems.push(`the data points of ${name} have different buckets`);
	const exponential = kind === 'exponentialHistogram';
	for (const point of points) {
		if (nanos(point['timeUnixNano']) === 0n || nanos(point['startTimeUnixNano']) > nanos(point['timeUnixNano']))
			problems.push(`a data point of ${name} is of no possible time`);
		if (kind === 'histogram') problems.push(...impossible(name, point));
		if (exponential) problems.push(...impossibleExponential(name, point));
	}
	const sum = kind === 'sum' ? (data['isMonotonic'] === true ? 'counter' : 'updowncounter') : kind;
	return {
		definition: {
			scope,
			kind: exponential ? 'histogram' : sum,
			unit: text(metric['unit']),
			description: text(metric['description']),
			...(kind === 'histogram' ? { buckets: bounds[0] ?? [] } : exponential ? { buckets: 'exponential' } : {}),
		},
		points: points.map((point) => ({
			name,
			attributes: attributesOf(point['attributes'], numbers, problems),
			...(point['count'] === undefined ? { value: valueOfPoint(point) } : { count: Number(point['count']) }),
			...exemplar(name, point, sum === 'updowncounter', placeOf, problems),
		})),
		fine: [...new Set(points.map(({ attributes: _, exemplars: __, ...point }) => shapeOf(withSetFields(point))))],
	};
}

function valueOfPoint(point: Message): unknown {
	return point['asDouble'] === undefined ? Number(point['asInt'] ?? 0) : { double: point['asDouble'] };
}

/** Which of the optional fields are there counts, not whether what they hold is 0. */
function withSetFields(point: Message): Message {
	const set = ['asInt', 'asDouble', 'sum', 'min', 'max', 'count'].filter((field) => point[field] !== undefined);
	return { ...point, ...Object.fromEntries(set.map((field) => [field, 1])) };
}

function impossible(name: string, point: Message): string[] {
	const count = Number(point['count']);
	const buckets = list(point['bucketCounts']).map(Number);
	const [sum, min, max] = ['sum', 'min', 'max'].map((field) => Number(point[field] ?? Number.NaN)) as [number, number, number];
	const problems: string[] = [];
	if (buckets.length !== list(point['explicitBounds']).length + 1) problems.push(`${name} has ${buckets.length} buckets`);
	if (buckets.reduce((all, each) => all + each, 0) !== count)
		problems.push(`the buckets of ${name} hold others than ${count} measurements`);
	// What runs into a bound of rounding is not looked at.
	const slack = 1e-9 * Math.abs(sum);
	if (!(min <= max) || !(sum >= min * count - slack && sum <= max * count + slack))
		problems.push(`${name} adds up to ${sum}, of ${count} between ${min} and ${max}`);
	return problems;
}

function impossibleExponential(name: string, point: Message): string[] {
	const counted = ['positive', 'negative'].flatMap((side) => list(object(point[side])['bucketCounts']));
	const all = [...counted, point['zeroCount'] ?? 0].reduce<number>((total, count) => total + Number(count), 0);
	return all === Number(point['count']) ? [] : [`the buckets of ${name} hold ${all} of ${point['count']} measurements`];
}

/** What goes up and down is about no span: Go names one all the same, which must be one there is. */
function exemplar(name: string, point: Message, upAndDown: boolean, placeOf: PlaceOf, problems: string[]): { exemplar?: number | string } {
	const all = list(point['exemplars']);
	const places = all.map((one) => placeOf(hex(one['spanId']), hex(one['traceId'])));
	const lost = places.find((at) => typeof at !== 'number' && at !== 'remote');
	if (lost !== undefined) problems.push(`an exemplar of ${name} is ${lost}`);
	if (all.some((one) => nanos(one['timeUnixNano']) === 0n || list(one['filteredAttributes']).length > 0))
		problems.push(`an exemplar of ${name} has no time, or attributes`);
	const [first] = places;
	if (first === undefined || upAndDown) return {};
	return { exemplar: lost ?? (Number(point['count'] ?? point['asInt']) > 1 ? 'any' : first) };
}
