/** The filters of Explore. Every choice is in the URL at once; text fields take effect on Enter or when left. */

import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { NO_FILTER, parseDurationMs } from '../../app/url-state.ts';
import { useTimeRange } from '../../app/use-time-range.ts';
import { operationsQuery, servicesQuery, type TraceFilter } from '../../data/queries.ts';
import { duration, text } from '../../widgets/format.ts';
import { SearchSelect } from '../../widgets/search-select.tsx';
import { ServiceName } from '../../widgets/service-name.tsx';

export interface FilterBarProps {
	readonly filter: TraceFilter;
	readonly onChange: (change: Partial<TraceFilter>) => void;
}

export function FilterBar({ filter, onChange }: FilterBarProps) {
	const { input } = useTimeRange();
	const services = useQuery({ ...servicesQuery(input), refetchInterval: false });
	const operations = useQuery({ ...operationsQuery(filter.service, input), refetchInterval: false });
	const active = JSON.stringify({ ...filter, sort: 'time' }) !== JSON.stringify(NO_FILTER);
	return (
		<search className="filter-bar" aria-label="Trace filters">
			<SearchSelect
				label="Service"
				value={filter.service}
				options={(services.data?.services ?? []).map(({ service, language }) => ({
					value: service,
					label: <ServiceName service={service} language={language} />,
				}))}
				failed={services.isError && services.data === undefined}
				onChange={(service) => onChange({ service, operation: '' })}
			/>
			<SearchSelect
				label="Operation"
				value={filter.operation}
				options={[...new Set(operations.data?.operations.map(({ operation }) => operation))].map((value) => ({ value, label: value }))}
				disabledReason={filter.service === '' ? 'Choose a service first' : undefined}
				failed={operations.isError && operations.data === undefined}
				onChange={(operation) => onChange({ operation })}
			/>
			<div className="segments" role="group" aria-label="Status">
				{(['', 'error', 'ok'] as const).map((status) => (
					<button
						key={status}
						type="button"
						className="button"
						aria-pressed={filter.status === status}
						onClick={() => onChange({ status })}
					>
						{status === '' ? 'Any' : status === 'error' ? 'Error' : 'OK'}
					</button>
				))}
			</div>
			<DurationField label="Longer than" value={filter.minDurationMs} onChange={(minDurationMs) => onChange({ minDurationMs })} />
			<DurationField label="Shorter than" value={filter.maxDurationMs} onChange={(maxDurationMs) => onChange({ maxDurationMs })} />
			<AttributeField attributes={filter.attributes} onChange={(attributes) => onChange({ attributes })} />
			{active && (
				<button type="button" className="button button--quiet" onClick={() => onChange({ ...NO_FILTER, sort: filter.sort })}>
					Clear
				</button>
			)}
		</search>
	);
}

function DurationField({
	label,
	value,
	onChange,
}: {
	label: string;
	value: number | undefined;
	onChange: (value: number | undefined) => void;
}) {
	const shown = value === undefined ? '' : text(duration(value * 1e6)).replace('\u202f', ' ');
	// What is typed counts only over the value it was typed over: back and forward show the URL's.
	const [draft, setDraft] = useState({ over: shown, typed: shown });
	const typed = draft.over === shown ? draft.typed : shown;
	const parsed = parseDurationMs(typed);
	const invalid = typed.trim() !== '' && parsed === undefined;
	const commit = (): void => {
		if (typed === shown || invalid) return;
		onChange(parsed);
	};
	return (
		<input
			className="field filter-bar__duration"
			aria-label={`${label} (duration of the trace, such as 250 ms or 1.5 s)`}
			title="Duration of the whole trace: 250 ms, 1.5 s, 2 min"
			placeholder={label}
			value={typed}
			aria-invalid={invalid}
			onChange={(event) => setDraft({ over: shown, typed: event.currentTarget.value })}
			onBlur={commit}
			onKeyDown={(event) => event.key === 'Enter' && commit()}
		/>
	);
}

function AttributeField({ attributes, onChange }: { attributes: readonly string[]; onChange: (attributes: readonly string[]) => void }) {
	const [typed, setTyped] = useState('');
	const valid = /^[^=]+=/.test(typed.trim());
	const submit = (event: FormEvent): void => {
		event.preventDefault();
		if (!valid) return;
		onChange([...new Set([...attributes, typed.trim()])]);
		setTyped('');
	};
	return (
		<>
			{attributes.map((attribute) => (
				<span key={attribute} className="chip code">
					<span className="ellipsis" title={attribute}>
						{attribute}
					</span>
					<button type="button" aria-label={`Remove ${attribute}`} onClick={() => onChange(attributes.filter((one) => one !== attribute))}>
						<IconX size={12} aria-hidden="true" />
					</button>
				</span>
			))}
			<form className="filter-bar__attribute" onSubmit={submit}>
				<input
					className="field code"
					aria-label="Attribute as key=value; Enter adds it"
					title="A span or resource attribute, compared as text. Enter adds it."
					placeholder="attribute=value"
					spellCheck={false}
					autoCapitalize="off"
					value={typed}
					aria-invalid={typed.trim() !== '' && !valid && !/^[^=\s]+$/.test(typed.trim())}
					onChange={(event) => setTyped(event.currentTarget.value)}
				/>
			</form>
		</>
	);
}
