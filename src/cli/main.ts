#!/usr/bin/env node
/** The `throughline` command: finds the sub-command, prints errors as cause and cure, sets the exit code. */

import { Command } from 'commander';
import { Failure } from '../base/errors.ts';
import { COMMANDS } from './commands/index.ts';

const program = new Command('throughline')
	.description('Distributed tracing and observability for services written in Go and Rust')
	.showHelpAfterError(true);
for (const register of COMMANDS) register(program);

try {
	await program.parseAsync();
} catch (error) {
	process.stderr.write(`throughline: ${error instanceof Failure ? error.message : ((error as Error).stack ?? String(error))}\n`);
	if (error instanceof Failure && error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
	process.exit(error instanceof Failure && error.code === 'invalid_argument' ? 2 : 1);
}
