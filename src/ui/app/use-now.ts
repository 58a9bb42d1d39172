/** The clock of the screen: relative times move with it, and all on the same beat. */

import { useEffect, useState } from 'react';

export function useNow(everyMs: number): number {
	const [nowMs, setNowMs] = useState(() => Date.now());
	useEffect(() => {
		const timer = setInterval(() => setNowMs(Date.now()), everyMs);
		return () => clearInterval(timer);
	}, [everyMs]);
	return nowMs;
}
