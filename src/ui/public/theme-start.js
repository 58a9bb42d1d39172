// Runs before the first paint so that a dark screen never flashes white. A file, not inline, because the policy forbids inline scripts.
(() => {
	let chosen = null;
	try {
		chosen = localStorage.getItem('throughline.theme');
	} catch {
		// Storage is off: follow the system.
	}
	const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
	document.documentElement.dataset.mantineColorScheme = dark ? 'dark' : 'light';
})();
