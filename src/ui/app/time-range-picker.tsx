/** Relative or absolute time, one step back out of a zoom, twice as wide, and live refresh. */

import { Popover } from '@mantine/core';
import { IconArrowBackUp, IconChevronDown, IconClock, IconPlayerPause, IconPlayerPlay, IconZoomOut } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { clockTime, dateTime, duration, text } from '../widgets/format.ts';
import { lastToken, PRESETS_MS, parseDateTime, parseLast, resolveRange, type TimeRange } from './time-range.ts';
import { type TimeRangeControl, useTimeRange } from './use-time-range.ts';

export function TimeRangePicker() {
	const control = useTimeRange();
	const [open, setOpen] = useState(false);
	return (
		<div className="time-range" role="group" aria-label="Time range">
			{control.zoomDepth > 0 && (
				<button type="button" className="button button--square" onClick={control.undoZoom} aria-label="Undo zoom" title="Undo zoom">
					<IconArrowBackUp size={14} aria-hidden="true" />
				</button>
			)}
			<Popover opened={open} onChange={setOpen} position="bottom-end" width={304} trapFocus>
				<Popover.Target>
					<button
						type="button"
						className="button"
						aria-haspopup="dialog"
						aria-expanded={open}
						onClick={() => setOpen(!open)}
						title={exactRange(control.range)}
					>
						<IconClock size={14} aria-hidden="true" />
						{rangeLabel(control.range)}
						<IconChevronDown size={12} aria-hidden="true" />
					</button>
				</Popover.Target>
				<Popover.Dropdown p={0}>
					<Choices control={control} onDone={() => setOpen(false)} />
				</Popover.Dropdown>
			</Popover>
			<button
				type="button"
				className="button button--square time-range__widen"
				onClick={control.widen}
				aria-label="Twice the time"
				title="Twice the time"
			>
				<IconZoomOut size={14} aria-hidden="true" />
			</button>
			<button
				type="button"
				className="button"
				aria-label="Live"
				aria-pressed={control.live}
				disabled={control.range.kind === 'absolute'}
				onClick={() => control.setLive(!control.live)}
				title={control.range.kind === 'absolute' ? 'Live refresh needs a relative time range' : 'Refresh every 5 seconds'}
			>
				{control.live ? <IconPlayerPause size={14} aria-hidden="true" /> : <IconPlayerPlay size={14} aria-hidden="true" />}
				<span className="time-range__live-text">Live</span>
			</button>
		</div>
	);
}

function Choices({ control, onDone }: { control: TimeRangeControl; onDone: () => void }) {
	const [current] = useState(() => resolveRange(control.range, Date.now()));
	const [custom, setCustom] = useState('');
	const [from, setFrom] = useState(dateTime(current.fromMs));
	const [to, setTo] = useState(dateTime(current.toMs));
	const customMs = parseLast(custom);
	const fromMs = parseDateTime(from);
	const toMs = parseDateTime(to);
	const valid = fromMs !== undefined && toMs !== undefined && toMs > fromMs;
	const choose = (range: TimeRange): void => {
		control.setRange(range);
		onDone();
	};
	const submitCustom = (event: FormEvent): void => {
		event.preventDefault();
		if (customMs !== undefined) choose({ kind: 'relative', lastMs: customMs });
	};
	const submitAbsolute = (event: FormEvent): void => {
		event.preventDefault();
		if (valid) choose({ kind: 'absolute', fromMs, toMs });
	};
	return (
		<div className="time-choices">
			<div className="time-choices__presets">
				{PRESETS_MS.map((lastMs) => (
					<button
						key={lastMs}
						type="button"
						className="button"
						aria-pressed={control.range.kind === 'relative' && control.range.lastMs === lastMs}
						onClick={() => choose({ kind: 'relative', lastMs })}
					>
						{lastToken(lastMs)}
					</button>
				))}
			</div>
			<form className="time-choices__line" onSubmit={submitCustom}>
				<label htmlFor="time-last">Last</label>
				<input
					id="time-last"
					className="field"
					placeholder="45m, 6h, 3d"
					value={custom}
					aria-invalid={custom !== '' && customMs === undefined}
					onChange={(event) => setCustom(event.currentTarget.value)}
				/>
				<button type="submit" className="button" disabled={customMs === undefined}>
					Use
				</button>
			</form>
			<form className="time-choices__absolute" onSubmit={submitAbsolute}>
				<label htmlFor="time-from">From</label>
				<input id="time-from" className="field" value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
				<label htmlFor="time-to">To</label>
				<input id="time-to" className="field" value={to} aria-invalid={!valid} onChange={(event) => setTo(event.currentTarget.value)} />
				<button type="submit" className="button button--strong" disabled={!valid}>
					Use these times
				</button>
				<p className="quiet">Local time, {Intl.DateTimeFormat().resolvedOptions().timeZone}</p>
			</form>
		</div>
	);
}

function rangeLabel(range: TimeRange): string {
	if (range.kind === 'relative') return `Last ${lastToken(range.lastMs)}`;
	const sameDay = new Date(range.fromMs).toDateString() === new Date(range.toMs).toDateString();
	return `${dateTime(range.fromMs).slice(5)} – ${sameDay ? clockTime(range.toMs) : dateTime(range.toMs).slice(5)}`;
}

function exactRange(range: TimeRange): string {
	if (range.kind === 'relative') return 'Moves with the clock';
	return `${dateTime(range.fromMs)} – ${dateTime(range.toMs)} (${text(duration((range.toMs - range.fromMs) * 1e6))})`;
}
