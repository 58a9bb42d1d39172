import { expect, test } from 'vitest';
import { loadRegistry } from '../../tools/generate.ts';
import { constantOf, readRegistry } from './registry.ts';
import { logProblems, metricProblems, pointProblems, spanProblems } from './rules.ts';

const MANIFEST = {
	name: 'manifest.yaml',
	text: 'name: shop\ndescription: a shop\nsemconv_version: 1.44.0\nschema_base_url: https://opentelemetry.io/schemas/\n',
};

const SHOP = `
groups:
  - id: registry.shop
    type: attribute_group
    brief: The shop
    attributes:
      - { id: order.id, type: int, stability: stable, brief: The order., examples: [17] }
      - { id: order.note, type: string, stability: stable, brief: A note., examples: [hi] }
      - id: order.state
        type: { members: [{ id: open, value: open }, { id: paid, value: paid }] }
        stability: stable
        brief: How far it is.
  - id: span.order
    type: span
    span_kind: internal
    stability: stable
    brief: An order is worked on.
    attributes:
      - { ref: order.id, requirement_level: required }
      - { ref: order.state }
    annotations: { throughline: { scopes: [shop] } }
  - id: metric.order.duration
    type: metric
    metric_name: order.duration
    instrument: histogram
    unit: s
    stability: stable
    brief: How long orders take.
    attributes: [{ ref: order.state, requirement_level: required }]
    annotations: { throughline: { scopes: [shop], buckets: duration } }
  - id: event.order.lost
    type: event
    name: order.lost
    stability: stable
    brief: An order got lost.
    annotations: { throughline: { scopes: [shop] } }
`;

const shop = readRegistry([MANIFEST, { name: 'shop.yaml', text: SHOP }]);

function problemsOf(text: string): string[] {
	try {
		readRegistry([MANIFEST, { name: 'shop.yaml', text }]);
		return [];
	} catch (error) {
		return (error as Error).message.split('\n').slice(1);
	}
}

test('the registry of this repository is valid, and every name has a constant of its own', () => {
	const registry = loadRegistry();
	const constants = [...registry.attributes.values()].map(constantOf);
	expect(new Set(constants).size).toBe(constants.length);
	expect(registry.scopes).toContain('throughline/http');
	expect(registry.attributes.get('http.request.method')?.members?.map(({ value }) => value)).toContain('_OTHER');
});

test('every problem is told at once', () => {
	const broken = SHOP.replace('examples: [17]', 'examples: [seventeen]')
		.replace('examples: [hi]', 'examples: []')
		.replace('value: paid', 'value: open')
		.replace('{ ref: order.state }', '{ ref: order.colour }')
		.replace('id: span.order', 'id: order')
		.replace(', buckets: duration', '')
		.replace('    brief: An order got lost.\n    annotations: { throughline: { scopes: [shop] } }', '    brief: An order got lost.');
	expect(problemsOf(broken)).toEqual([
		'shop.yaml: example "seventeen" of order.id is no int',
		'shop.yaml: order.note is a string without examples',
		'shop.yaml: order.state has the value open twice',
		'shop.yaml: order.state has the value open twice',
		"shop.yaml: the id of the span order must begin with 'span.'",
		'shop.yaml: order refers to order.colour, which no attribute_group defines',
		'shop.yaml: order.duration is a histogram without annotations.throughline.buckets',
		'shop.yaml: event.order.lost has no annotations.throughline.scopes',
	]);
});

test.each([
	['an unknown field', SHOP.replace('unit: s', 'unit: s\n    units: s')],
	['a name that is none', SHOP.replaceAll('order.id', 'Order-Id')],
	['a type there is not', SHOP.replace('type: int', 'type: number')],
	['a stability there is not', SHOP.replace('stability: stable', 'stability: solid')],
	['a name defined twice', SHOP.replaceAll('order.note', 'order.id')],
	['two names that are one in code', SHOP.replace('order.note', 'order_id')],
	['a group that is there twice', SHOP.replace('id: event.order.lost', 'id: span.order')],
	['YAML that is none', `${SHOP}\n  - [`],
])('%s is a problem', (_, text) => expect(problemsOf(text)).not.toEqual([]));

test('a registry needs its manifest', () => {
	expect(() => readRegistry([{ name: 'shop.yaml', text: SHOP }])).toThrow('manifest.yaml is missing');
});

const span = { scope: 'shop', kind: 'internal', name: 'order', attributes: { 'order.id': 17, 'order.state': 'paid' } };

test('a span that keeps the rules has no problems', () => expect(spanProblems(shop, span)).toEqual([]));

test.each([
	['a kind there is not', { ...span, kind: 'server' }],
	['another scope', { ...span, scope: 'shops' }],
	['an unknown name', { ...span, attributes: { ...span.attributes, 'order.colour': 'red' } }],
	['a name of another signal', { ...span, attributes: { ...span.attributes, 'order.note': 'hi' } }],
	['another type', { ...span, attributes: { 'order.id': '17' } }],
	['a value that is not allowed', { ...span, attributes: { ...span.attributes, 'order.state': 'lost' } }],
	['a required attribute left out', { ...span, attributes: { 'order.state': 'paid' } }],
])('a span with %s has one problem', (_, broken) => expect(spanProblems(shop, broken)).toHaveLength(1));

const bounds = { duration: [1, 2] };
const metric = {
	scope: 'shop',
	name: 'order.duration',
	kind: 'histogram',
	unit: 's',
	description: 'How long orders take.',
	buckets: [1, 2],
};

test('a metric that keeps the rules has no problems', () => {
	expect(metricProblems(shop, metric, bounds)).toEqual([]);
	expect(pointProblems(shop, metric.name, { 'order.state': 'open' })).toEqual([]);
});

test.each([
	['name', { ...metric, name: 'orders.duration' }],
	['scope', { ...metric, scope: 'shops' }],
	['instrument', { ...metric, kind: 'counter' }],
	['unit', { ...metric, unit: 'ms' }],
	['description', { ...metric, description: 'Orders.' }],
	['buckets', { ...metric, buckets: [1] }],
])('a metric with another %s has one problem', (_, broken) => expect(metricProblems(shop, broken, bounds)).toHaveLength(1));

test('a data point keeps the attributes of its metric, a record those of its event', () => {
	expect(pointProblems(shop, metric.name, {})).toHaveLength(1);
	expect(logProblems(shop, 'order.found', {})).toHaveLength(1);
	expect(logProblems(shop, 'order.lost', { 'order.id': 17 })).toHaveLength(1);
	expect(logProblems(shop, '', { anything: 1 })).toEqual([]);
});
