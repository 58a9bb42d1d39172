/** A choice among many names, found by typing; the chosen one can be cleared. */

import { Combobox, useCombobox } from '@mantine/core';
import { IconChevronDown, IconX } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import './search-select.css';

export interface SearchSelectProps {
	readonly label: string;
	readonly value: string;
	readonly options: readonly { readonly value: string; readonly label: ReactNode }[];
	readonly disabledReason?: string | undefined;
	readonly failed?: boolean;
	readonly onChange: (value: string) => void;
}

/** Names beyond this are found by typing. */
const SHOWN_MAX = 100;

export function SearchSelect({ label, value, options, disabledReason, failed = false, onChange }: SearchSelectProps) {
	const [typed, setTyped] = useState('');
	const combobox = useCombobox({
		onDropdownClose: () => {
			combobox.resetSelectedOption();
			setTyped('');
		},
		onDropdownOpen: () => {
			combobox.focusSearchInput();
			combobox.selectFirstOption();
		},
	});
	const matching = options.filter((option) => option.value.toLowerCase().includes(typed.trim().toLowerCase()));
	const choose = (next: string): void => {
		onChange(next);
		combobox.closeDropdown();
	};
	return (
		<div className="search-select" data-filled={value !== ''}>
			<Combobox store={combobox} onOptionSubmit={choose} width={280} position="bottom-start" transitionProps={{ duration: 0 }}>
				<Combobox.Target withAriaAttributes={false}>
					<button
						type="button"
						className="button search-select__button"
						data-active={value !== ''}
						disabled={disabledReason !== undefined}
						title={disabledReason}
						aria-haspopup="listbox"
						aria-expanded={combobox.dropdownOpened}
						aria-label={value === '' ? label : `${label}: ${value}`}
						onClick={() => combobox.toggleDropdown()}
					>
						<span className="ellipsis">{value === '' ? label : value}</span>
						{value === '' && <IconChevronDown size={12} aria-hidden="true" />}
					</button>
				</Combobox.Target>
				<Combobox.Dropdown>
					<Combobox.Search
						aria-label={`Search ${label.toLowerCase()}`}
						placeholder={`Search ${label.toLowerCase()}`}
						value={typed}
						onChange={(event) => {
							setTyped(event.currentTarget.value);
							combobox.updateSelectedOptionIndex();
						}}
					/>
					<Combobox.Options className="search-select__options" aria-label={label}>
						{matching.slice(0, SHOWN_MAX).map((option) => (
							<Combobox.Option key={option.value} value={option.value} active={option.value === value}>
								{option.label}
							</Combobox.Option>
						))}
						{matching.length === 0 && (
							<Combobox.Empty>
								{failed ? 'Names cannot be loaded' : typed === '' ? 'None in this time range' : 'None by that name'}
							</Combobox.Empty>
						)}
						{matching.length > SHOWN_MAX && (
							<div className="search-select__more">{matching.length - SHOWN_MAX} more: type to find them</div>
						)}
					</Combobox.Options>
				</Combobox.Dropdown>
			</Combobox>
			{value !== '' && (
				<button type="button" className="search-select__clear" aria-label={`Any ${label.toLowerCase()}`} onClick={() => onChange('')}>
					<IconX size={12} aria-hidden="true" />
				</button>
			)}
		</div>
	);
}
