/** A service as it looks everywhere: its colour, its name, its language in words. */

import { useThemeName } from '../app/theme.ts';
import './service-name.css';
import { serviceColor } from './service-color.ts';

const LANGUAGE: Readonly<Record<string, string>> = {
	go: 'Go',
	rust: 'Rust',
	nodejs: 'Node.js',
	webjs: 'Browser',
	java: 'Java',
	python: 'Python',
	dotnet: '.NET',
	cpp: 'C++',
	php: 'PHP',
	ruby: 'Ruby',
	erlang: 'Erlang',
	swift: 'Swift',
};

export function ServiceSwatch({ service }: { service: string }) {
	const theme = useThemeName();
	return <span className="service-swatch" style={{ background: serviceColor(service, theme) }} aria-hidden="true" />;
}

export function LanguageBadge({ language }: { language: string | null }) {
	if (language === null || language === '') return null;
	return (
		<span className="language-badge" data-language={language}>
			{LANGUAGE[language] ?? language}
		</span>
	);
}

export function ServiceName({ service, language }: { service: string; language?: string | null }) {
	return (
		<span className="service-name">
			<ServiceSwatch service={service} />
			<span className="ellipsis">{service === '' ? 'unknown service' : service}</span>
			{language !== undefined && <LanguageBadge language={language} />}
		</span>
	);
}
