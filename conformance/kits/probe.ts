/** One probe program as the runner drives it: an order in JSON on its standard input, one line of answer on its standard output. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** How long a probe may take for one order before it counts as hung. */
const ANSWER_TIMEOUT_MS = 60_000;

export interface Answer {
	readonly error?: string;
	/** What was logged. */
	readonly lines?: readonly string[];
	/** The kit's account, by signal. */
	readonly stats?: Readonly<Record<string, Account>>;
}

export interface Account {
	readonly created: number;
	readonly exported: number;
	readonly queued: number;
	/** By cause; none is 0. */
	readonly dropped: Readonly<Record<string, number>>;
}

export class Probe {
	readonly #child: ChildProcess;
	readonly #waiting: ((answer: Answer) => void)[] = [];

	constructor(program: string, backends: Readonly<Record<string, string>>, logFile: string) {
		const child = spawn(program, [], {
			// Nothing of the machine's own OTEL_* reaches a probe.
			env: {
				...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^OTEL_|^THROUGHLINE_|PROXY$/i.test(name))),
				PROBE_BACKENDS: JSON.stringify(backends),
			},
			stdio: ['pipe', 'pipe', 'pipe'],
		});
		this.#child = child;
		child.stderr?.pipe(createWriteStream(logFile, { flags: 'a' }));
		createInterface({ input: child.stdout }).on('line', (line) => this.#waiting.shift()?.(JSON.parse(line) as Answer));
		const gone = (why: string): void => {
			for (const settle of this.#waiting.splice(0)) settle({ error: `the probe ${why}; see ${logFile}` });
		};
		child.once('exit', (code, signal) => gone(`ended with ${signal ?? `exit code ${code}`}`));
		child.once('error', (error) => gone(`did not start: ${error.message}`));
		child.stdin.on('error', () => {}); // the exit tells
	}

	/** Makes a kit that reads these variables. */
	begin(variables: Readonly<Record<string, string>>): Promise<Answer> {
		return this.#tell({ do: 'begin', variables });
	}

	perform(scenario: string): Promise<Answer> {
		return this.#tell({ do: 'perform', scenario });
	}

	flush(): Promise<Answer> {
		return this.#tell({ do: 'flush' });
	}

	/** Shuts the scenario's kit down and takes its servers away. */
	end(): Promise<Answer> {
		return this.#tell({ do: 'end' });
	}

	async stop(): Promise<void> {
		if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
		const ended = new Promise((settle) => this.#child.once('exit', settle));
		this.#child.stdin?.end();
		const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
		await ended;
		clearTimeout(timer);
	}

	#tell(order: object): Promise<Answer> {
		return new Promise((settle) => {
			if (this.#child.exitCode !== null || this.#child.signalCode !== null) return settle({ error: 'the probe has ended' });
			const timer = setTimeout(() => settle({ error: `no answer within ${ANSWER_TIMEOUT_MS / 1000} s` }), ANSWER_TIMEOUT_MS);
			this.#waiting.push((answer) => {
				clearTimeout(timer);
				settle(answer);
			});
			this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
		});
	}
}
