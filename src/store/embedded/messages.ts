/** What the supervisor and the engine's process say to each other over Node's IPC channel. */

/** Inserts and schema changes that run at once, beside the reads. */
export const WRITE_SESSIONS = 2;

/** Folder below the engine's own for files the platform has it read; emptied before each start of the platform's. */
export const HAND_OVER_DIR = 'handed-over';

export interface EngineSettings {
	/** Folder of the database; the process works in it, so that paths in SQL are relative and free of pattern characters. */
	readonly dir: string;
	/** 0 takes a free port. */
	readonly port: number;
	/** The only credential the HTTP interface accepts; made anew for every start of the platform. */
	readonly password: string;
	/** Reads that run at once. */
	readonly sessions: number;
	/** Ceiling for the whole process. */
	readonly memoryBytesMax: number;
}

export type ToEngine = { readonly type: 'start'; readonly settings: EngineSettings } | { readonly type: 'stop'; readonly withinMs: number };

export type FromEngine =
	/** `repaired`: parts found missing or broken; the loads that wrote them may be repeated. */
	| { readonly type: 'ready'; readonly port: number; readonly repaired: readonly string[] }
	/** The engine cannot start; `missing` when the library is not installed, which no restart will change. */
	| { readonly type: 'failed'; readonly missing: boolean; readonly message: string };
