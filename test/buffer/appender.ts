/** A process to be killed: appends numbered records to the buffer in argv[2], from number argv[3] on, and prints each number once acknowledged. */

import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemTimer } from '../../src/base/timer.ts';
import { SegmentBuffer } from '../../src/buffer/buffer.ts';
import { realFiles } from '../../src/buffer/files.ts';

const [directory = '', from = '0'] = process.argv.slice(2);
const buffer = await SegmentBuffer.open({
	directory,
	loader: { load: () => new Promise(() => {}), check: () => Promise.resolve() },
	limits: { sealAfterMs: 10, segmentBytesMax: 200_000, freeBytesMin: 0 },
	files: realFiles,
	clock: systemClock,
	timer: systemTimer,
	random: randomBytes,
	log: silentLog,
});

let next = Number(from);
const writers = Array.from({ length: 20 }, async () => {
	for (;;) {
		const number = next++;
		const payload = Buffer.from(`${number}:${'x'.repeat(number % 3_000)}`);
		await buffer.append([{ table: 'numbers', rows: 1, payload }]);
		writeSync(1, `${number}\n`);
	}
});
await Promise.all(writers);
