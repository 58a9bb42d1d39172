/** A number with its thin unit; the exact value on hover. */

import type { Quantity } from './format.ts';
import { THIN_SPACE } from './format.ts';

export function QuantityText({ quantity, exact }: { quantity: Quantity | null; exact?: string }) {
	if (quantity === null)
		return (
			<span className="quiet" title="no value">
				–
			</span>
		);
	return (
		<span title={exact}>
			{quantity.value}
			{quantity.unit !== '' && (
				<span className="unit">
					{THIN_SPACE}
					{quantity.unit}
				</span>
			)}
		</span>
	);
}
