/* SPDX-License-Identifier: Apache-2.0 */
/* Times as RFC 3339 text in UTC, and durations such as 180d. Times are seconds since 1970. Any thread. */
#ifndef PROTOCOL_RFC3339_H
#define PROTOCOL_RFC3339_H

#include <stddef.h>
#include <stdint.h>

#define RFC3339_TEXT 21          /* "2026-11-23T18:00:00Z" and NUL */
#define RFC3339_MAX 253402300799 /* 9999-12-31T23:59:59Z */

/* Write; out of range gives the nearest end of the range 1970 - 9999. Returns out. */
char *rfc3339_write(int64_t time, char out[RFC3339_TEXT]);

/* Read a full time, with Z or an offset; a fraction is dropped. E_CLAIM_INVALID: not such a text, or before
 * 1970. */
int rfc3339_read(const char *text, int64_t *ret);

/* Read what a person types: a full time, or a date "2030-01-01", meaning its first second in UTC.
 * E_CLAIM_INVALID. */
int rfc3339_read_date(const char *text, int64_t *ret);

/* Read "90s", "15m", "2h", "180d" or "4w" in seconds; a bare number is refused, and what is longer
 * than all time (RFC3339_MAX). E_CLAIM_INVALID. */
int duration_read(const char *text, int64_t *ret_seconds);

/* Write seconds in the largest unit that divides them: "180d". Returns out. */
char *duration_write(int64_t seconds, char *out, size_t room);

#endif
