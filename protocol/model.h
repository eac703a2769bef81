/* SPDX-License-Identifier: Apache-2.0 */
/* The five models of a grant and the usual terms of each (DESIGN 3). Any thread. */
#ifndef PROTOCOL_MODEL_H
#define PROTOCOL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum model { MODEL_VOLUME, MODEL_POOL, MODEL_DEVICE, MODEL_USER, MODEL_SHARED, MODEL_COUNT };
enum overage { OVERAGE_DENY, OVERAGE_REPORT, OVERAGE_COUNT };      /* beyond a grant's quantity */
enum overflow { OVERFLOW_DENY, OVERFLOW_RELEASE, OVERFLOW_COUNT }; /* a user's device beyond the limit */
enum on_expiry {
	ON_EXPIRY_NOTICE,
	ON_EXPIRY_REDUCED,
	ON_EXPIRY_COUNT
};                                                                /* what the vendor's program does then */
enum enrol { ENROL_OPEN, ENROL_KEY, ENROL_APPROVE, ENROL_COUNT }; /* how unknown devices come in */

/* The terms of a grant, set by the vendor. */
struct grant_policy {
	uint32_t threshold;     /* devices before a volume grant activates anyone */
	uint32_t window_days;   /* days of silence after which a device leaves the count */
	uint32_t lease_days;    /* 0: perpetual */
	uint32_t renew_minutes; /* 0: never */
	uint32_t retry_minutes;
	uint32_t grace_days; /* after the grant's end, and below the threshold */
	uint32_t devices_per_user;
	uint32_t hardware_percent; /* least part of the compared weight that must agree */
	enum overage overage;
	enum on_expiry on_expiry;
	enum enrol enrol;
	enum overflow overflow;
};

/* The usual terms of a model. */
struct grant_policy model_policy(enum model);

/* Names as claims and commands have them, and back. The readers return false for an unknown name. */
const char *model_name(enum model);
bool model_read(const char *name, enum model *ret);
const char *overage_name(enum overage);
bool overage_read(const char *name, enum overage *ret);
const char *on_expiry_name(enum on_expiry);
bool on_expiry_read(const char *name, enum on_expiry *ret);
const char *enrol_name(enum enrol);
bool enrol_read(const char *name, enum enrol *ret);
const char *overflow_name(enum overflow);
bool overflow_read(const char *name, enum overflow *ret);

/* Does the model give seats that are assigned, and to users rather than to devices? */
bool model_seats(enum model);
bool model_of_users(enum model);

#endif
