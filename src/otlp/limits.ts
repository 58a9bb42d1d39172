/**
 * What one request may hold, whatever its bytes say. The receiver bounds a request to 64 MiB after inflating; these keep its rows from
 * taking many times that in memory.
 */

/**
 * Records of one request; those beyond are rejected and counted. A row takes 150 (log) to 350 (point) bytes of fixed columns, but an
 * empty record only 2 bytes on the wire: 2^18 * 350 B = 92 MB. Senders' batches are 512 to 8192; 2^18 full-size spans are 128 MB.
 */
export const RECORDS_MAX: number = 2 ** 18;

/** Events, links and exemplars of one request; those beyond are dropped and counted. 60 bytes each at most: 2^20 * 60 B = 63 MB. */
export const ELEMENTS_MAX: number = 2 ** 20;

/**
 * Bucket counts and quantiles of one request; with more it is refused. One byte on the wire can be eight in a column: 2^23 * 8 B = 64 MB.
 */
export const BUCKETS_MAX: number = 2 ** 23;

/** Attributes of one record, event, link, resource or scope; those beyond are dropped and counted. The SDKs' own limit is 128. */
export const ATTRIBUTES_MAX = 1024;

/** UTF-8 bytes of an attribute key; an attribute with a longer one is dropped and counted. Semantic conventions stay below 64. */
export const KEY_BYTES_MAX = 1024;

/** Arrays and maps inside one another in a value; an attribute that nests deeper is dropped and counted, a body has its record rejected. */
export const VALUE_DEPTH_MAX = 32;

/** Groups inside one another in unknown protobuf fields. */
export const GROUP_DEPTH_MAX = 32;

/** Objects and arrays inside one another in JSON: 32 levels of values are 4 * 32 of JSON, and a dozen lead to the first. */
export const JSON_DEPTH_MAX = 256;

/** Distinct resources and scopes remembered between requests; a fleet behind one receiver has hundreds. */
export const ENVELOPES_MAX = 4096;
