/**
 * How V8 decides to collect garbage in the platform's process.
 *
 * Bodies and segments are ArrayBuffers, outside V8's heap. By default every 64 MiB of them made since the last full collection start the
 * next, however small the heap and however soon they die: at 20 000 spans/s that was three full collections a second and half of the
 * process's CPU (docs/decisions/013-ack-path.md). Counted as part of the whole instead, they raise the limit they are held against.
 * What bounds them is ours: `otlp.inFlightBytesMax`, the commit and the segment.
 *
 * Must run before the memory is taken. V8's flag is there from Node 24 on; older ones only collect more often.
 */

import { setFlagsFromString } from 'node:v8';

const NODE_WITH_FLAG = 24;

export function countBuffersWithHeap(): void {
	if (Number.parseInt(process.versions.node, 10) >= NODE_WITH_FLAG) setFlagsFromString('--external-memory-accounted-in-global-limit');
}
