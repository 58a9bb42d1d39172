/** `throughline serve`: the platform in the foreground until SIGTERM or Ctrl-C. */

import type { Command } from 'commander';
import { countBuffersWithHeap } from '../../server/heap.ts';
import { settingsFileOf, settingsOf, withSettings } from './settings.ts';

export function serve(program: Command): void {
	withSettings(program.command('serve', { isDefault: true }).description('receive, store and show telemetry')).action(
		async (_options: unknown, command: Command) => {
			countBuffersWithHeap();
			// Listened for before anything starts, as whoever reads `ready` may send a signal at once. While starting, and when it is the
			// second, a signal does not wait for a drain; nothing acknowledged is lost by that.
			const { promise: signalled, resolve } = Promise.withResolvers<NodeJS.Signals>();
			let drains = false;
			for (const name of ['SIGTERM', 'SIGINT'] as const)
				process.on(name, () => {
					if (!drains) process.exit(1);
					drains = false;
					resolve(name);
				});
			const settings = settingsOf(command);
			// The platform's code is most of the program; the other commands start without it.
			const { start } = await import('../../server/start.ts');
			const file = settingsFileOf(command);
			const server = await start(settings, file === undefined ? undefined : { file, read: () => settingsOf(command) });
			drains = true;
			// The line `make up`, the demo and the tests wait for.
			console.log(`ready ${server.apiUrl} otlp-grpc ${server.otlpGrpcUrl} otlp-http ${server.otlpHttpUrl}`);
			await server.stop(await signalled);
			process.exit(0);
		},
	);
}
