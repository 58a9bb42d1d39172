/** The tab says where one is, so that ten open tabs can be told apart. */

import { useEffect } from 'react';

export function useTitle(title: string): void {
	useEffect(() => {
		document.title = title === '' ? 'Throughline' : `${title} · Throughline`;
	}, [title]);
}
