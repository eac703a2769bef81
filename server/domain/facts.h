/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of a decision, values only: what is asked, what the store knows about it, what is decided,
 * and what changes by it. Times are seconds since 1970. Grants and devices are known by the ledger's own
 * small numbers.
 */
#ifndef SERVER_FACTS_H
#define SERVER_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lease.h"
#include "limit.h"
#include "model.h"

#define REQUEST_TOKEN 16
#define RATCHET 16
#define CANDIDATES_MAX 8 /* grants that are looked at for one product */
#define ANSWER_MAX 512   /* bytes of a remembered answer */
#define AUDIT_HASH 32

/* What a device holds of one grant. */
enum holding_state {
	HOLDING_NONE,
	HOLDING_COUNTED,  /* it asked and was refused: it counts */
	HOLDING_ACTIVE,   /* it has, or had, a lease */
	HOLDING_RELEASED, /* it gave the activation back */
};

struct holding {
	enum holding_state state;
	int64_t activated; /* first lease */
	int64_t renewed;   /* last lease */
	int64_t contacted; /* last request, granted or not */
	int64_t expires;   /* end of the last lease; 0: perpetual or none */
	int64_t serial;    /* of the last lease */
	uint32_t plans;
};

/* One grant that could serve a product, with what the store knows. The broker fills the first part from the
 * licenses. */
struct candidate {
	int64_t grant; /* number in the ledger */
	const char *id;
	enum model model;
	struct grant_policy policy;
	int64_t nbf;
	int64_t end;
	int64_t grace_end; /* end and the license's grace: nothing is leased beyond it */
	int64_t quantity;  /* 0: none */
	uint32_t plans;
	uint32_t lease_days_max; /* the certificate's; 0: none */
	int64_t certified_until; /* the certificate's end; 0: none */
	bool covers_version;
	uint32_t plans_wanted; /* of its product; 0: all */
	bool plan_unknown;     /* one was asked for that its product does not have */

	int64_t count;       /* devices in the window before this request */
	int64_t active;      /* leases in force before this request */
	int64_t reached;     /* when the threshold was first met; 0: never */
	int64_t below_since; /* when the count fell below it; 0: it is not below */
	struct holding holding;
};

/* What is known about one product that was asked for. */
struct line_facts {
	struct candidate candidates[CANDIDATES_MAX];
	size_t n_candidates;
};

/* The exactly-once row of a device (DESIGN 5.4). */
struct ratchet {
	uint64_t counter;             /* 0: the device was never answered */
	uint8_t token[REQUEST_TOKEN]; /* of the last request */
	uint8_t shown[RATCHET];       /* the ratchet that the last request showed; zero: none */
	int64_t at;
	uint8_t answer[ANSWER_MAX]; /* inputs of the last answer */
	size_t answer_n;
};

struct device_facts {
	bool known;
	bool blocked;
	bool described; /* hostname, os and agent are as the store has them */
	int64_t device; /* number in the ledger; for a new device the one it will get */
	struct ratchet ratchet;
};

/* Who asks. Texts are borrowed for the time of the call. */
struct asker {
	uint8_t id[DEVICE_ID];
	const char *hostname;
	const char *os;
	const char *agent;
};

/* The numbers behind a refusal. -1: not meant. */
struct numbers {
	int64_t have;
	int64_t need;
	int64_t used;
	int64_t quantity;
	int64_t until;
};
#define NUMBERS_NONE ((struct numbers){-1, -1, -1, -1, -1})

/* What was decided for one product. */
struct verdict {
	int code; /* 0: a lease is granted; otherwise why not */
	struct numbers numbers;
	int chosen;             /* index of the candidate; -1: none */
	bool renewal;           /* a lease replaces a lease */
	struct holding holding; /* after */
	int64_t reached;        /* of the chosen grant, after */
	int64_t below_since;    /* the same */
	int64_t renew_after;    /* of the lease; 0: never */
	int64_t have;           /* the count after, and what it needs */
	int64_t need;
	uint32_t renew_minutes;
	uint32_t retry_minutes;
	int notices[LIMIT_NOTICES]; /* codes worth telling; 0 ends */
};

/* One row of the audit log. Texts borrowed. */
struct audit {
	int64_t at;
	const char *actor;  /* "device:ID", "uid:N" or "host" */
	const char *action; /* dotted: "activation.granted" */
	const char *object;
	const char *detail; /* a JSON object */
};

/* A change of the store. */
enum effect_kind {
	EFFECT_DEVICE,  /* a new device, or new names of a known one */
	EFFECT_HOLDING, /* before and after */
	EFFECT_RATCHET,
	EFFECT_GRANT,     /* a grant of a license, by its number */
	EFFECT_THRESHOLD, /* reached and below_since of a grant */
	EFFECT_LICENSE,
	EFFECT_CERTIFICATE,
	EFFECT_META,
	EFFECT_TALLY,
	EFFECT_AUDIT,
};

struct effect {
	enum effect_kind kind;
	int64_t device;
	int64_t grant;
	int64_t at;
	union {
		struct {
			const struct asker *asker;
			bool is_new;
		} device_row;
		struct {
			struct holding before;
			struct holding after;
		} holding;
		const struct ratchet *ratchet;
		struct {
			const char *vendor; /* k4.pid */
			const char *license;
			const char *id;
			const char *product;
			int32_t window_days;
		} grant_row;
		struct {
			int64_t reached;
			int64_t below_since;
		} threshold;
		struct {
			const char *vendor;     /* k4.pid */
			const char *vendor_key; /* k4.public; certificates only */
			const char *license;
			int64_t serial; /* licenses only */
			const char *token;
		} signed_file;
		struct {
			const char *key;
			const void *bytes;
			size_t n;
		} meta;
		struct {
			const char *what;
			int64_t n;
		} tally;
		struct audit audit;
	} u;
};

#endif
