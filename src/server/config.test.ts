import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configPaths, environmentName, loadConfig } from './config.ts';

function yaml(text: string): string {
	const file = join(mkdtempSync(join(tmpdir(), 'config-')), 'throughline.yaml');
	writeFileSync(file, text);
	return file;
}

describe('configuration', () => {
	test('is complete without any source', () => {
		const config = loadConfig({ env: {}, flags: {} });
		expect(config.api).toMatchObject({ host: '127.0.0.1', port: 4380 });
		expect(config.otlp.grpc.port).toBe(4317);
		expect(config.storage.clickhouse.url).toBeUndefined();
	});

	test('flags win over the environment, the environment over the file', () => {
		const file = yaml('api: {port: 1}\notlp:\n  grpc: {port: 2}\n  http: {port: 3}\n');
		const config = loadConfig({
			file,
			env: { THROUGHLINE_OTLP_GRPC_PORT: '20', THROUGHLINE_API_PORT: '10' },
			flags: { 'api.port': '100' },
		});
		expect([config.api.port, config.otlp.grpc.port, config.otlp.http.port]).toEqual([100, 20, 3]);
	});

	test('the names the documentation promises exist', () => {
		const names = configPaths().map(environmentName);
		for (const name of [
			'THROUGHLINE_DATA_DIR',
			'THROUGHLINE_API_PORT',
			'THROUGHLINE_OTLP_GRPC_PORT',
			'THROUGHLINE_OTLP_HTTP_PORT',
			'THROUGHLINE_STORAGE_CLICKHOUSE_URL',
		])
			expect(names).toContain(name);
		expect(new Set(names).size).toBe(names.length);
	});

	test('all problems are listed at once, with what was probably meant', () => {
		const file = yaml('api: {prot: 1}\nbufer: {}\nbuffer: {sealAfterMs: soon}\n');
		const load = () => loadConfig({ file, env: { THROUGHLINE_API_PROT: '1' }, flags: { 'api.hosst': 'x' } });
		expect(load).toThrow(/api\.prot: unknown setting; did you mean api\.port\?/);
		expect(load).toThrow(/bufer: unknown setting/);
		expect(load).toThrow(/buffer\.sealAfterMs: .*\(THROUGHLINE_BUFFER_SEAL_AFTER_MS\)/);
		expect(load).toThrow(/THROUGHLINE_API_PROT is no setting; did you mean THROUGHLINE_API_PORT\?/);
		expect(load).toThrow(/--api\.hosst is no setting; did you mean api\.host\?/);
	});

	test('broken YAML says where', () => {
		expect(() => loadConfig({ file: yaml('api: {port: 1\n'), env: {}, flags: {} })).toThrow(/throughline\.yaml: .*line/);
	});

	test('a missing file is an error, not an empty configuration', () => {
		expect(() => loadConfig({ file: '/nonexistent/x.yaml', env: {}, flags: {} })).toThrow(/cannot read the configuration file/);
	});

	test('what is left empty keeps its default: a YAML key without a value, a variable set to nothing', () => {
		const file = yaml('api:\n  port:\n  host:\notlp:\nstorage: {clickhouse: {url: }}\n');
		const config = loadConfig({ file, env: { THROUGHLINE_OTLP_HTTP_PORT: '', THROUGHLINE_STORAGE_CLICKHOUSE_URL: '' }, flags: {} });
		expect(config).toEqual(loadConfig({ env: {}, flags: {} }));
	});

	test('only a whole number is a number: not true, not a list, not an empty flag', () => {
		const file = yaml('api: {port: true}\nbuffer: {bytesMax: [5]}\notlp: {grpc: {port: 0x10}}\n');
		const load = () => loadConfig({ file, env: { THROUGHLINE_API_QUERY_TIMEOUT_MS: '0x400' }, flags: { 'otlp.http.port': '' } });
		expect(load).toThrow(/4 problems/);
		expect(load).toThrow(/api\.port: .*expected number, received boolean/);
		expect(load).toThrow(/otlp\.http\.port: .*expected number, received string/);
		expect(loadConfig({ env: { THROUGHLINE_API_PORT: ' 5 ' }, flags: {} }).api.port).toBe(5);
	});

	test('a switch and a list say what they take', () => {
		const load = () => loadConfig({ file: yaml('api: {allowedHosts: 5}\n'), env: { THROUGHLINE_TELEMETRY_TRACES: 'yes' }, flags: {} });
		expect(load).toThrow(/telemetry\.traces: write true or false/);
		expect(load).toThrow(/api\.allowedHosts: write a list of texts, or one text with commas/);
	});

	test('the address of a server is http or https, and carries no password that would be shown', () => {
		const load = (url: string) => () => loadConfig({ env: { THROUGHLINE_STORAGE_CLICKHOUSE_URL: url }, flags: {} });
		expect(load('ftp://db:21')).toThrow(/storage\.clickhouse\.url: .*http/);
		expect(load('http://me:hunter2@db:8123')).toThrow(/storage\.clickhouse\.url: .*storage\.clickhouse\.username/);
		expect(load('http://me:hunter2@db:8123')).not.toThrow(/hunter2/);
		expect(load('https://db.example.com:8443')().storage.clickhouse.url).toBe('https://db.example.com:8443');
	});

	test('YAML whose aliases multiply without end is a problem, not a crash', () => {
		const levels = ['a', 'b', 'c', 'd', 'e'].map(
			(name, index, names) =>
				`${name}: &${name} [${Array(12)
					.fill(index === 0 ? 'x' : `*${names[index - 1]}`)
					.join(', ')}]`,
		);
		expect(() => loadConfig({ file: yaml(levels.join('\n')), env: {}, flags: {} })).toThrow(/throughline\.yaml: .*alias/i);
	});
});
