/** Cases our own platform does not pass, each with its reason. A case that passes again has to leave the list, which only shrinks. */

const GRPC_JS =
	'@grpc/grpc-js takes a message whose compressed flag is set, where no coding is named, as uncompressed and hides the flag from us; what was compressed is then refused as INVALID_ARGUMENT, which is final too';

export const KNOWN: Readonly<Record<string, string>> = {
	'grpc-flag-without-coding': GRPC_JS,
	'grpc-flag-with-identity': GRPC_JS,
	'flag-unknown': '@grpc/grpc-js looks at one bit of the flag only and hides the rest from us',
};
