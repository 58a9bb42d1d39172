/** `throughline serve`: the platform in the foreground until SIGTERM or Ctrl-C. */

import type { Command } from 'commander';
import { start } from '../../server/start.ts';
import { settingsOf, withSettings } from './settings.ts';

export function serve(program: Command): void {
	withSettings(program.command('serve', { isDefault: true }).description('receive, store and show telemetry')).action(
		async (_options: unknown, command: Command) => {
			const server = await start(settingsOf(command));
			// The line `make up`, the demo and the tests wait for.
			console.log(`ready ${server.apiUrl} otlp-grpc ${server.otlpGrpcUrl} otlp-http ${server.otlpHttpUrl}`);
			const signal = await new Promise<NodeJS.Signals>((settle) => {
				for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, settle);
			});
			// A second signal does not wait for the drain.
			for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => process.exit(1));
			await server.stop(signal);
			process.exit(0);
		},
	);
}
