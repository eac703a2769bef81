/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exactly once (DESIGN 5.4): is a request new, a repeat of the last one, or out of step? And the inputs of an
 * answer as bytes, so that a repeat is answered by signing the same again. Pure; any thread.
 */
#ifndef SERVER_RATCHET_H
#define SERVER_RATCHET_H

#include "facts.h"

#define RATCHET_SECRET 32
#define BRANCH_MARK 16
#define RATCHET_COUNTER_MAX INT64_MAX

enum ratchet_judgement {
	RATCHET_FIRST,    /* the device was never answered */
	RATCHET_CONTINUE, /* the current ratchet */
	RATCHET_REPEAT,   /* the last request again: give the stored answer */
	RATCHET_AHEAD,    /* the device was answered more often than is on record */
	RATCHET_MISMATCH, /* anything else: suspect */
};

/* What a request shows. */
struct ratchet_shown {
	uint8_t token[REQUEST_TOKEN];
	uint8_t ratchet[RATCHET]; /* zero: none */
	uint64_t counter;
};

/* The ratchet that answers the request with this token as number `counter`: a keyed hash, so that nothing is
 * stored. */
void ratchet_make(const uint8_t secret[RATCHET_SECRET], const uint8_t device[DEVICE_ID], uint64_t counter,
		  const uint8_t token[REQUEST_TOKEN], uint8_t ret[RATCHET]);

/* The ratchet that the device's next request must show. stored: of a device that was answered. */
void ratchet_current(const uint8_t secret[RATCHET_SECRET], const uint8_t device[DEVICE_ID],
		     const struct ratchet *stored, uint8_t ret[RATCHET]);

/* Judge a request against what is stored. A row without a token was adopted: what it shows is current. */
enum ratchet_judgement ratchet_judge(const uint8_t secret[RATCHET_SECRET], const uint8_t device[DEVICE_ID],
				     const struct ratchet *stored, const struct ratchet_shown *shown);

/* What is kept of the ratchet at the end of a branch that is left, and of its last request's token: enough to
 * know them again. Both have 16 bytes. */
void branch_mark(const uint8_t ratchet_or_token[RATCHET], uint8_t ret[BRANCH_MARK]);

/* The row of a device that is ahead of the record, and has proved it: the ratchet that it shows is current,
 * and nothing has been answered yet. */
struct ratchet ratchet_adopt(const struct ratchet_shown *, int64_t now);
bool ratchet_adopted(const struct ratchet *stored);

/* One product's part of a remembered answer. */
struct answer_line {
	int code;
	int64_t grant; /* 0: none */
	struct numbers numbers;
	int64_t issued;
	int64_t expires;
	int64_t renew_after;
	int64_t serial;
	uint32_t plans;
	int64_t have;
	int64_t need;
	uint32_t renew_minutes;
	uint32_t retry_minutes;
	int notices[LIMIT_NOTICES]; /* as a verdict has them */
};

/* The digest of what was asked: a repeat must ask the same. kind: of the call, where Activate and Renew are
 * one; texts: n borrowed ones, products and whose. */
uint64_t answer_digest(int kind, const char *const *texts, size_t n);

/* A remembered answer. detail: of the first line that has one; "": none. */
struct answer {
	uint64_t digest;
	struct answer_line lines[LIMIT_LINES];
	size_t n;
	char detail[LIMIT_DETAIL + 1];
	size_t detail_of;
};

/* Write an answer; returns its size (always fits). */
size_t answer_write(const struct answer *, uint8_t out[ANSWER_MAX]);

/* Read it back; false when it is damaged. */
bool answer_read(const uint8_t *bytes, size_t n, struct answer *ret);

#endif
