/* SPDX-License-Identifier: Apache-2.0 */
/* One error with all that a person or program wants to know about it. Not shared between threads. */
#ifndef CLIENT_FAULT_H
#define CLIENT_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_DETAIL 2048
#define FAULT_CORRELATION 24

/* The numbers behind a refusal; 0: not told. */
struct numbers {
	int64_t have;
	int64_t need;
	int64_t used;
	int64_t quantity;
	int64_t until; /* seconds since 1970 */
};

struct fault {
	int code; /* 0: none */
	struct numbers numbers;
	uint32_t retry_after; /* seconds; 0: the usual interval */
	char correlation[FAULT_CORRELATION];
	char detail[FAULT_DETAIL];
};

/* Back to none. */
void fault_clear(struct fault *);

/* Set code and detail, printf style; the numbers are cleared. Returns code. */
int fault_set(struct fault *, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Set a code that says it all. Returns code. */
int fault_code(struct fault *, int code);

/*
 * Set code and detail to a system error about a path, "PATH: No such file ...", or alone when path is NULL.
 * TOO_MANY_FILES, NO_MEMORY and ACCESS_DENIED take the code's place where it was that. Returns it. Reads
 * errno.
 */
int fault_system(struct fault *, int code, const char *path);

/* Append to the detail, "; " before it when there is some; what does not fit is cut. */
void fault_add(struct fault *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The detail without control characters and cut to fit, so that it can be kept in a file. Returns out.
 */
char *fault_excerpt(const char *detail, char *out, size_t room);

/*
 * A number by its name ("have", "need", "used", "quantity", "until"). False: no such name, or not told. The
 * count stands together: "have" is told, even as 0, when "need" is.
 */
bool numbers_value(const struct numbers *, const char *name, int64_t *ret);

#endif
