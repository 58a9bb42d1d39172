/** Copying: an id whose click copies it, and a block of code with its button. */

import { IconCheck, IconCopy } from '@tabler/icons-react';
import { type ReactNode, useEffect, useState } from 'react';
import { shortId } from './format.ts';

const SHOWN_MS = 1200;

/** Browsers offer the clipboard on secure origins only; elsewhere the old command still works. */
export async function copyText(text: string): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		const area = document.createElement('textarea');
		area.value = text;
		area.setAttribute('readonly', '');
		area.className = 'hidden-visually';
		document.body.append(area);
		area.select();
		const done = document.execCommand('copy');
		area.remove();
		return done;
	}
}

/** `copied` is true for a moment after each copy. */
export function useCopy(): { copied: boolean; copy: (text: string) => void } {
	const [copiedAt, setCopiedAt] = useState(0);
	useEffect(() => {
		if (copiedAt === 0) return;
		const timer = setTimeout(() => setCopiedAt(0), SHOWN_MS);
		return () => clearTimeout(timer);
	}, [copiedAt]);
	return {
		copied: copiedAt !== 0,
		copy: (text) => void copyText(text).then((done) => setCopiedAt(done ? Date.now() : 0)),
	};
}

export function CopyId({ id, label, short = true }: { id: string; label: string; short?: boolean }) {
	const { copied, copy } = useCopy();
	return (
		<button type="button" className="copy code" title={`${label} ${id}: click to copy`} data-copied={copied} onClick={() => copy(id)}>
			{short ? shortId(id) : id}
			{copied ? <IconCheck size={12} /> : <IconCopy size={12} />}
			<span className="hidden-visually">{copied ? 'copied' : `copy ${label}`}</span>
		</button>
	);
}

export function CopyButton({ text, label, children }: { text: string | (() => string); label: string; children?: ReactNode }) {
	const { copied, copy } = useCopy();
	return (
		<button
			type="button"
			className={children === undefined ? 'button button--quiet button--square' : 'button'}
			title={copied ? 'Copied' : label}
			aria-label={copied ? 'Copied' : label}
			onClick={() => copy(typeof text === 'string' ? text : text())}
		>
			{copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
			{children}
		</button>
	);
}

export function Snippet({ code, label }: { code: string; label: string }) {
	return (
		<div className="snippet">
			<pre className="code">{code}</pre>
			<CopyButton text={code} label={`Copy ${label}`} />
		</div>
	);
}
