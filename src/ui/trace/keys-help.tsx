/** All keys of the trace page, on `?`. */

import { Modal } from '@mantine/core';
import { TRACE_KEYS } from './use-trace-keys.ts';

export function KeysHelp({ onClose }: { onClose: () => void }) {
	return (
		<Modal opened onClose={onClose} title="Keys" size={440} lockScroll={false} transitionProps={{ duration: 0 }}>
			<dl className="keys-help">
				{TRACE_KEYS.map(([keys, does]) => (
					<div key={keys}>
						<dt>
							{keys.split(/ {2}/).map((key) => (
								<kbd key={key} className="kbd">
									{key}
								</kbd>
							))}
						</dt>
						<dd>{does}</dd>
					</div>
				))}
			</dl>
		</Modal>
	);
}
