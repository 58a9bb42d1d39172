/** Ctrl-K: go to a page or a service, or paste a trace id. Everything by keyboard; the list filters as one types. */

import { Modal } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { parseTraceId } from '../../base/ids.ts';
import { servicesQuery } from '../data/queries.ts';
import { shortId } from '../widgets/format.ts';
import { ServiceName } from '../widgets/service-name.tsx';
import { PAGES } from './rail.tsx';
import { explorePath, servicePath, tracePath } from './routes.ts';
import { useTimeRange } from './use-time-range.ts';
import { useSearch } from './use-url.ts';

interface Command {
	readonly id: string;
	readonly group: string;
	/** What typing is compared with. */
	readonly text: string;
	readonly label: ReactNode;
	readonly href: string;
}

const SHOWN_MAX = 50;

export function CommandPalette({ onClose }: { onClose: () => void }) {
	const [typed, setTyped] = useState('');
	const [active, setActive] = useState(0);
	const [, navigate] = useLocation();
	const id = useId();
	const list = useRef<HTMLDivElement>(null);
	const commands = useCommands(typed);
	const run = (command: Command | undefined): void => {
		if (command === undefined) return;
		onClose();
		navigate(command.href);
	};
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.key === 'ArrowDown') setActive(Math.min(active + 1, commands.length - 1));
		else if (event.key === 'ArrowUp') setActive(Math.max(active - 1, 0));
		else if (event.key === 'Enter') run(commands[active]);
		else return;
		event.preventDefault();
	};
	useEffect(() => {
		// Newer browsers answer with a promise, which must not become the effect's clean-up.
		list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
	}, [active]);
	return (
		<Modal
			opened
			onClose={onClose}
			withCloseButton={false}
			padding={0}
			size={560}
			yOffset="12vh"
			lockScroll={false}
			withinPortal={false}
			transitionProps={{ duration: 0 }}
			title={undefined}
			aria-label="Search and commands"
		>
			<input
				className="palette__input"
				role="combobox"
				aria-expanded="true"
				aria-controls={`${id}-list`}
				aria-activedescendant={commands.length > 0 ? `${id}-${active}` : undefined}
				aria-label="Search pages and services, or paste a trace id"
				placeholder="Go to a page or service, or paste a trace id"
				spellCheck={false}
				autoComplete="off"
				data-autofocus
				// At once: what is typed right after Ctrl-K must not be lost.
				autoFocus
				value={typed}
				onChange={(event) => {
					setTyped(event.currentTarget.value);
					setActive(0);
				}}
				onKeyDown={onKeyDown}
			/>
			<div ref={list} id={`${id}-list`} className="palette__list" role="listbox" aria-label="Commands">
				{commands.map((command, index) => (
					<div key={command.id}>
						{commands[index - 1]?.group !== command.group && <div className="palette__group">{command.group}</div>}
						<div
							id={`${id}-${index}`}
							className="palette__item"
							role="option"
							tabIndex={-1}
							aria-selected={index === active}
							onPointerMove={() => setActive(index)}
							onClick={() => run(command)}
							onKeyDown={onKeyDown}
						>
							{command.label}
						</div>
					</div>
				))}
				{commands.length === 0 && <div className="palette__none">Nothing by that name. A trace id is 32 hexadecimal digits.</div>}
			</div>
		</Modal>
	);
}

function useCommands(typed: string): readonly Command[] {
	const search = useSearch();
	const { input } = useTimeRange();
	const { data } = useQuery({ ...servicesQuery(input), refetchInterval: false });
	const wanted = typed.trim().toLowerCase();
	const traceId = wanted.length >= 16 ? parseTraceId(wanted) : undefined;
	const found: Command[] = [];
	if (traceId !== undefined)
		found.push({
			id: traceId,
			group: 'Trace',
			text: traceId,
			label: <span className="code">Open trace {shortId(traceId)}</span>,
			href: tracePath(traceId, search),
		});
	const matches = (text: string): boolean => text.toLowerCase().includes(wanted);
	for (const { name, href } of PAGES)
		if (matches(name)) found.push({ id: name, group: 'Pages', text: name, label: name, href: href(search) });
	if (matches('traces with errors'))
		found.push({
			id: 'errors',
			group: 'Pages',
			text: 'errors',
			label: 'Traces with errors',
			href: explorePath(search, { status: 'error' }),
		});
	if (matches('slowest traces'))
		found.push({
			id: 'slowest',
			group: 'Pages',
			text: 'slowest',
			label: 'Slowest traces',
			href: explorePath(search, { sort: 'duration' }),
		});
	for (const { service, language } of data?.services ?? [])
		if (matches(service))
			found.push({
				id: `service ${service}`,
				group: 'Services',
				text: service,
				label: <ServiceName service={service} language={language} />,
				href: servicePath(service, search),
			});
	return found.slice(0, SHOWN_MAX);
}
