/** Gives a command every setting as a flag, `--api.port 4380`, beside the file and the environment. */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { Failure } from '../../base/errors.ts';
import { type Config, configPaths, loadConfig } from '../../server/config.ts';

const DEFAULT_FILE = 'throughline.yaml';

/** Adds `--config` and lets flags named after settings through to `settingsOf`. */
export function withSettings(command: Command): Command {
	return command
		.option('-c, --config <file>', `configuration file (default: $THROUGHLINE_CONFIG, or ${DEFAULT_FILE} if there is one)`)
		.allowUnknownOption()
		.allowExcessArguments()
		.addHelpText(
			'after',
			`\nEvery setting is a flag too, e.g. --api.port 4380 (${configPaths().length} settings: throughline config show)`,
		);
}

/** The configuration a command was called with. Throws `Failure('invalid_argument')` listing every problem. */
export function settingsOf(command: Command): Config {
	return loadConfig({ file: settingsFileOf(command), env: process.env, flags: parseFlags(command.args) });
}

/** The file among the sources of a command's configuration. */
export function settingsFileOf(command: Command): string | undefined {
	const { config } = command.opts<{ config?: string }>();
	return config ?? (process.env.THROUGHLINE_CONFIG || undefined) ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined);
}

/** `['--api.port', '1', '--api.host=x']` -> `{'api.port': '1', 'api.host': 'x'}`. Throws for words that are no flag. */
export function parseFlags(args: readonly string[]): Record<string, string> {
	const flags: Record<string, string> = {};
	for (let at = 0; at < args.length; at++) {
		if (args[at]?.startsWith('--') !== true)
			throw new Failure('invalid_argument', `'${args[at]}' is neither a command nor a flag`, {
				hint: 'throughline --help lists the commands',
			});
		const [name = '', inline] = (args[at] ?? '').replace(/^--/, '').split(/=(.*)/s, 2);
		const value = inline ?? args[++at];
		if (value === undefined || (inline === undefined && value.startsWith('--')))
			throw new Failure('invalid_argument', `--${name} needs a value`, { hint: `--${name} value, or --${name}= for an empty one` });
		flags[name] = value;
	}
	return flags;
}
