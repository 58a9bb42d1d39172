// ClickHouse as a library, in a process of its own because closing it can crash: runs the statements given as JSON on standard input
// and prints what the last one answers, as JSONEachRow.

import { readFileSync, writeSync } from 'node:fs';
import { Session } from 'chdb';

const statements = JSON.parse(readFileSync(0, 'utf8'));
const session = new Session();
let answer = '';
for (const statement of statements) answer = session.query(statement, 'JSONEachRow');
let rest = Buffer.from(answer);
while (rest.length > 0) {
	try {
		rest = rest.subarray(writeSync(1, rest));
	} catch (error) {
		if (error.code !== 'EAGAIN') throw error;
	}
}
session.cleanup();
