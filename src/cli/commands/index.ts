/** The commands. To add one, copy a sibling file and add a line here. */

import type { Command } from 'commander';
import { buffer } from './buffer.ts';
import { config } from './config.ts';
import { exportTelemetry } from './export.ts';
import { serve } from './serve.ts';

export const COMMANDS: readonly ((program: Command) => void)[] = [serve, exportTelemetry, buffer, config];
