import { expect, test } from 'vitest';
import { guideStyle, guidesOf } from './guides.ts';
import { buildTrace } from './model.ts';
import { sketch } from './sketch.ts';

test('a line runs past rows whose ancestors have more children, and ends at the last', () => {
	const model = buildTrace(
		sketch(`
			a - web GET 0+100
			b a db SELECT 10+20
			c b db fetch 12+5
			d b db parse 18+5
			e a mail send 50+10
		`),
	);
	expect([...model.order].map((node) => guidesOf(model, node))).toEqual([
		[],
		['through'],
		['through', 'through'],
		['through', 'end'],
		['end'],
	]);
});

test('each line is a background one pixel wide, and a stroke leads to the span', () => {
	expect(guideStyle(['through', 'none', 'end'], 12)).toMatchObject({
		width: 36,
		backgroundPosition: '7px 0, 31px 0, 31px 50%',
		backgroundSize: '1px 100%, 1px 50%, 5px 1px',
	});
});
