import { expect, test } from 'vitest';
import { silentLog } from '../base/log.ts';
import { Running } from './running.ts';

test('parts stop in reverse order, once, past one that fails and one that hangs', async () => {
	const running = new Running(silentLog, 50);
	const stopped: string[] = [];
	running.add('first', () => void stopped.push('first'));
	running.add('hanging', () => new Promise<never>(() => {}));
	running.add('failing', () => Promise.reject(new Error('no')));
	running.add('last', () => void stopped.push('last'));
	await running.stop();
	await running.stop();
	expect(stopped).toEqual(['last', 'first']);
});
