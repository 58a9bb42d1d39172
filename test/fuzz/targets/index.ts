/** Everything that is fuzzed. */

import type { Target } from '../target.ts';
import { json } from './json.ts';
import { native } from './native.ts';
import { protobuf } from './protobuf.ts';
import { segments } from './segments.ts';

export const TARGETS: readonly Target[] = [protobuf, json, segments, native];
