/** The logger every part is given. A pino logger fits as it is; `fields` come first so that nothing is spliced into messages. */

export interface Log {
	debug(fields: object, message: string): void;
	info(fields: object, message: string): void;
	warn(fields: object, message: string): void;
	error(fields: object, message: string): void;
	/** A logger that adds `fields` to every line. */
	child(fields: object): Log;
}

/** Writes nothing. */
export const silentLog: Log = {
	debug() {},
	info() {},
	warn() {},
	error() {},
	child: () => silentLog,
};
