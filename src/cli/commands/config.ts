/** `throughline config check` and `throughline config show`. */

import type { Command } from 'commander';
import { stringify } from 'yaml';
import { describeConfig } from '../../server/config.ts';
import { settingsOf, withSettings } from './settings.ts';

export function config(program: Command): void {
	const group = program.command('config').description('check and explain the configuration');
	withSettings(
		group.command('check').description('read file, environment and flags; list every problem, or print what will be used'),
	).action((_options: unknown, command: Command) => {
		const settings = settingsOf(command);
		const { password } = settings.storage.clickhouse;
		const { encryption } = settings.buffer;
		const shown = {
			...settings,
			control: { ...settings.control, signingKey: settings.control.signingKey && '(set)' },
			buffer: { ...settings.buffer, encryption: { ...encryption, keys: encryption.keys.map(() => '(set)') } },
			storage: { ...settings.storage, clickhouse: { ...settings.storage.clickhouse, password: password && '(set)' } },
		};
		console.log(stringify(shown).trimEnd());
		console.log('# configuration is valid');
	});
	group
		.command('show')
		.description('list every setting with its default, its environment variable and its meaning')
		.action(() => {
			for (const { path, variable, fallback, about } of describeConfig())
				console.log(`${path} = ${JSON.stringify(fallback) ?? '(none)'}\n    ${variable}${about === '' ? '' : `\n    ${about}`}`);
		});
}
