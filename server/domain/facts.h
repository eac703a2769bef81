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

#include "audit.h"
#include "lease.h"
#include "limit.h"
#include "model.h"
#include "record.h"

#define REQUEST_TOKEN 16
#define RATCHET 16
#define CANDIDATES_MAX 16 /* grants that are looked at for one product */
#define ANSWER_MAX 768    /* bytes of a remembered answer */

/* Who may hold a seat, and be a member of a group; the numbers stand in the store. */
enum member_kind { MEMBER_USER, MEMBER_DEVICE, MEMBER_GROUP };
enum circle_kind { CIRCLE_USERS, CIRCLE_DEVICES }; /* groups, and device groups */

/* What a device holds of one grant. */
enum holding_state {
	HOLDING_NONE,
	HOLDING_COUNTED,  /* it asked and was refused: it counts */
	HOLDING_ACTIVE,   /* it has, or had, a lease */
	HOLDING_RELEASED, /* it gave the activation back */
	HOLDING_PENDING,  /* it waits for an administrator's approval */
};

struct holding {
	enum holding_state state;
	int64_t activated; /* first lease */
	int64_t renewed;   /* last lease */
	int64_t contacted; /* last request, granted or not */
	int64_t expires;   /* end of the last lease; 0: perpetual or none */
	int64_t serial;    /* of the last lease */
	uint32_t plans;
	uint32_t units; /* places of a pool that it takes: one more with each change of hardware */
};

/* Parts of a machine as 16-bit tags (protocol/hardware.h has the kinds). */
struct hardware {
	size_t n;
	struct {
		uint8_t kind;
		uint16_t tag;
	} parts[LIMIT_COMPONENTS];
};

/* What the ledger adds to a grant of a license. Times of 0: never. */
struct grant_marks {
	int64_t reached;     /* the threshold was first met */
	int64_t below_since; /* the count fell below it; 0: it is not below */
	int64_t cancelled;
	int64_t taken_over; /* a self-service grant became the organisation's */
	int64_t over_since; /* more seats are taken than there are */
	int64_t warned;     /* per cent of a pool's use that was warned of */
	int64_t extra;      /* quantity that redeemed keys added */
	int64_t extended;   /* end that they moved it to */
};

/* A seat as the assignments have settled it. */
struct seat {
	int64_t grant;  /* 0: none */
	uint32_t plans; /* of the grant's product; 0: all */
	bool direct;    /* assigned to the holder itself */
	int code;       /* 0, or why it is not as it was meant */
};

/* Did the request show a key of the grant? */
enum key_shown { KEY_NOT_SHOWN, KEY_RIGHT, KEY_WRONG };

/* The old id of a machine that was installed anew, as its hardware tells. */
struct twin {
	int64_t device; /* 0: none */
	struct holding holding;
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
	uint32_t plans_wanted;         /* of its product; 0: all */
	bool plan_unknown;             /* one was asked for that its product does not have */
	const struct product *product; /* whose plans they are */
	bool self_service;             /* bought by a user: not the organisation's until it is taken over */
	bool revoked;                  /* its license, by the vendor */
	bool host_revoked;
	enum key_shown key;

	int64_t count;  /* devices in the window before this request */
	int64_t active; /* leases in force before this request */
	struct grant_marks marks;
	struct holding holding;
	struct hardware hardware; /* that the holding was activated on; pools only */
	struct twin twin;         /* pools only */
	bool held_by_users;       /* somebody signed in holds it on this device */
	int64_t devices_used;     /* other devices that the user is active on, shared ones apart */
	int64_t oldest_device;    /* the one of them that was used least recently; 0: none */
	struct holding oldest;    /* what the user holds there */
};

/* What is known about one product that was asked for. */
struct line_facts {
	struct candidate candidates[CANDIDATES_MAX];
	size_t n_candidates;
	const char *product;     /* borrowed; looked at for seats when seats is set */
	bool seats;              /* a candidate gives seats */
	bool reinstalled;        /* the machine may take over its old id's place */
	int64_t lease_serial;    /* of the lease that the machine shows; 0: none */
	struct hardware machine; /* as it shows itself now */
	struct seat device_seat;
	struct seat user_seat;
};

/* The exactly-once row of a device (DESIGN 5.4). */
struct ratchet {
	uint64_t counter;             /* 0: the device was never answered */
	uint8_t token[REQUEST_TOKEN]; /* of the last request */
	uint8_t shown[RATCHET];       /* the ratchet that the last request showed; zero: none */
	int64_t at;
	struct hardware machine;    /* that showed it, as far as it is known */
	uint8_t answer[ANSWER_MAX]; /* inputs of the last answer */
	size_t answer_n;
};

struct device_facts {
	bool known;
	bool blocked;
	bool shared;    /* many users' machine */
	bool approved;  /* by an administrator */
	int64_t user;   /* number of the user who is named; 0: none, or unknown */
	bool bound;     /* that user has signed in on this device */
	int64_t skew;   /* of its clock, as it was recorded (skew.h) */
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
	const char *user;           /* who is signed in; NULL or "": nobody */
	const uint8_t *forked_from; /* DEVICE_ID bytes: the device that it was a copy of; NULL: of none */
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

/* Two plans that do not go together, by their places in the product, and the wishes that brought them (-1:
 * none). */
struct plan_trouble {
	int code; /* 0: no trouble */
	int plan;
	int other; /* that it excludes, or needs */
	int wish;
	int other_wish;
};

/* What was decided for one product. */
struct verdict {
	int code; /* 0: a lease is granted; otherwise why not */
	struct numbers numbers;
	int chosen;                  /* index of the candidate; -1: none */
	bool renewal;                /* a lease replaces a lease */
	struct holding holding;      /* after */
	struct grant_marks marks;    /* of the chosen grant, after */
	bool of_user;                /* the holding is the user's, not the device's own */
	bool takes_over;             /* the chosen candidate's twin gives its place to this device */
	bool evicts;                 /* the user's oldest device gives its place */
	struct plan_trouble trouble; /* behind E_PLAN_CONFLICT and E_PLAN_DEPENDENCY */
	int64_t renew_after;         /* of the lease; 0: never */
	int64_t have;                /* the count after, and what it needs */
	int64_t need;
	uint32_t renew_minutes;
	uint32_t retry_minutes;
	int notices[LIMIT_NOTICES]; /* codes worth telling; 0 ends */
};

/* A change of the store. */
enum effect_kind {
	EFFECT_DEVICE,  /* a new device, or new names of a known one */
	EFFECT_FLAGS,   /* blocked, shared, approved */
	EFFECT_SKEW,    /* of a device's clock */
	EFFECT_FORGET,  /* a device that holds nothing, with all its traces but the audit log's */
	EFFECT_HOLDING, /* before and after */
	EFFECT_RATCHET,
	EFFECT_GRANT, /* a grant of a license, by its number */
	EFFECT_MARKS, /* of a grant */
	EFFECT_LICENSE,
	EFFECT_CERTIFICATE,
	EFFECT_META,
	EFFECT_SEAT, /* the record of a seat; num 0: new, entitlement before in u.seat.before */
	EFFECT_PUT,  /* a record: new when its num is 0, which is then set */
	EFFECT_DROP, /* a record, by kind and num */
	EFFECT_TALLY,
	EFFECT_PEAK,   /* like a tally, but the most of the day is kept, not the sum */
	EFFECT_EXPIRE, /* daily counters before a day, and denials that were not repeated since */
	EFFECT_AUDIT,
	EFFECT_PRUNE, /* the oldest audit rows up to one, so many at once */
};

struct effect {
	enum effect_kind kind;
	int64_t device;
	int64_t grant;
	int64_t user; /* EFFECT_HOLDING: whose; 0: the device's own */
	int64_t at;
	union {
		struct {
			const struct asker *asker;
			bool is_new;
		} device_row;
		struct {
			bool blocked;
			bool shared;
			bool approved;
		} flags;
		int64_t skew;
		struct {
			int64_t before;        /* the grant that gave the seat; 0: none */
			struct record *record; /* after; entitlement and code 0: no seat any more */
		} seat;
		struct record *record;
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
		struct grant_marks marks;
		struct {
			const char *vendor;     /* k4.pid */
			const char *vendor_key; /* k4.public; certificates only */
			const char *license;
			int64_t serial;    /* licenses only */
			const char *token; /* licenses: NULL takes it out */
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
		struct {
			int64_t through; /* the last one's seq */
			int64_t limit;
		} prune;
	} u;
};

#endif
