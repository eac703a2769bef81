/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its outcome as plain values: what RPC, administrators and sweeps put on the lane's queue. A
 * job has one owner at a time and holds no pointer into loop memory; it goes to the lane by lane_submit and
 * comes back by `finished`.
 */
#ifndef SERVER_JOB_H
#define SERVER_JOB_H

#include <jansson.h>

#include "facts.h"
#include "keycode.h"
#include "ratchet.h"
#include "words.h"

struct mending;
struct orders;
struct why;
struct replay;

#define CORRELATION_TEXT 17

enum job_kind {
	JOB_ACTIVATE,
	JOB_RENEW,
	JOB_RELEASE,
	JOB_SIGN_IN,
	JOB_SIGN_OUT,
	JOB_REDEEM,
	JOB_SHOW_LEASE, /* a device ahead of a restored ledger: text is its lease */
	JOB_POLICY,     /* changes nothing */
	JOB_OFFLINE,    /* requests that came by file: parts */
	JOB_INSTALL_LICENSE,
	JOB_INSTALL_CERTIFICATE,
	JOB_INSTALL_REVOCATIONS,
	JOB_CHANGE, /* what administrators order: change.h */
	JOB_HOST,   /* of the host as a whole: event */
	JOB_AUDIT,  /* an administrator's refused act */
	JOB_NOTE,   /* something that happened outside of the lane, to be audited */
	JOB_SWEEP,
};

enum host_event { HOST_BACKED_UP, HOST_RETIRED, HOST_RETURNED, HOST_CLOCK_ACCEPTED, HOST_MENDED };

/* One product of a request, and what came of it. */
struct job_line {
	char product[LIMIT_ID + 1];
	char version[LIMIT_VERSION + 1];
	char plans[LIMIT_PLANS][LIMIT_ID + 1];
	size_t n_plans;
	char user[LIMIT_USER + 1]; /* who is signed in; "": nobody */
	char key[KEYCODE_KEY + 1]; /* bare; "": none shown */
	struct hardware machine;
	bool reinstalled;
	bool spoken; /* the device was activated by telephone; that is proved by its keys */
	uint8_t voice[VOICE_SHOWN];
	int64_t lease_serial; /* of the lease held now; 0: none */

	struct answer_line answer;
	char detail[LIMIT_DETAIL + 1]; /* what the answer's code is about */
	bool renewal;                  /* a lease replaces a lease */
	char *lease;                   /* owned by the job; NULL: refused */
	char *certificate;             /* owned by the job */
};

struct job {
	struct job *next; /* in the lane's queue */
	enum job_kind kind;
	void (*finished)(
		struct job *); /* called on the lane when the outcome is durable; takes the job over */
	void *waiter;          /* for `finished` */
	uint64_t owner;        /* id of the connection that waits */
	uint32_t request_id;
	unsigned long long greeted; /* batches committed when its session was greeted, or answered since */
	unsigned long long batch;   /* that it was committed in */
	char correlation[CORRELATION_TEXT];

	/* how long it takes, on the clock of clock_us */
	int64_t queued_us;
	int64_t begun_us;  /* its transaction */
	int64_t stored_us; /* it is durable; some are signed by then */

	/* what is asked */
	uint8_t device[DEVICE_ID];
	char hostname[LIMIT_HOSTNAME + 1]; /* JOB_NOTE: the object */
	char os[64];
	char agent[64];
	int64_t device_time; /* by the device's clock; 0: not told */
	struct hardware machine;
	bool forked; /* it says that it was a copy, of */
	uint8_t forked_from[DEVICE_ID];
	struct ratchet_shown shown;
	bool may_enrol;
	bool guesses;                /* it shows a code or key, and its source was charged for a wrong one */
	bool by_file;                /* it came by file: no ratchet guards it */
	bool by_voice;               /* by_file: nothing but a number was read out */
	char vendor[PASERK_ID_TEXT]; /* by_file: whose product */
	char org[LIMIT_ID + 1];      /* by_file: that the machine belongs to; "": none yet */
	bool shows;                  /* it can show its leases when it is asked */
	bool dry_run;                /* only say what the answer would be */
	bool reset;                  /* dry_run: as if the device held nothing */
	struct why *why;             /* dry_run: how the answer came about; NULL: not asked. Owned */
	char signin_code[KEYCODE_CODE + 1]; /* bare; "": none */
	uint64_t source;                    /* the network source that was charged; 0: none */
	char actor[64];                     /* "uid:0", for administrators' jobs */
	char act[32];                       /* JOB_NOTE: what was done */
	char *text;                         /* a signed file, or the request by file; owned by the job */
	char *covering;          /* JOB_SHOW_LEASE: the certificate behind text; owned by the job */
	struct roots roots;      /* JOB_INSTALL_CERTIFICATE: must be of this one; none: of any */
	struct replay *replay;   /* the answer is remembered; borrowed; NULL: it is not */
	enum host_event event;   /* JOB_HOST */
	int64_t event_time;      /* HOST_BACKED_UP: of the copy */
	bool indexes;            /* HOST_MENDED: make them anew, too */
	struct mending *mending; /* HOST_MENDED: what came of it; borrowed */
	json_t *event_detail;    /* JOB_HOST, JOB_NOTE: for the audit log; owned by the job; NULL: none */

	/* what came of it */
	int code;               /* 0, or why nothing was done */
	char fault[96];         /* for E_CLAIM_INVALID: the claim */
	struct numbers numbers; /* behind the code of an administrator's job */
	int64_t now;            /* host's time of the decision */
	bool enrolled;          /* a new device came in */
	bool repeated;          /* the answer is that of the last request */
	bool mismatched;        /* its ratchet did not fit: put back, or a copy */
	uint8_t ratchet[RATCHET];
	uint64_t counter;
	char installed[LIMIT_ID + 1]; /* id of the license installed or certified */
	bool new_vendor;
	struct orders *orders; /* JOB_CHANGE: what is ordered, and what came of it; owned by the job */
	struct {
		uint8_t iid[VOICE_IID];
		bool words; /* the answer is words, not digits */
		struct voice_grant grant;
		char text[WORDS_TEXT]; /* the confirmation; "": refused */
	} voice;                       /* by_voice */
	char *answer;                  /* of a part of JOB_OFFLINE, signed; NULL: refused. Owned by the job */

	/* JOB_OFFLINE: a request in each, of kind JOB_ACTIVATE and one line; owned by the job */
	struct job **parts;
	size_t n_parts;

	size_t n_lines;
	struct job_line lines[];
};

/* A new id under which one request is found in answers, log and audit. Any thread. */
void correlation_make(char out[CORRELATION_TEXT]);

/* A zeroed job with room for lines and a correlation id; NULL without memory. Any thread. */
struct job *job_new(enum job_kind, size_t n_lines);

/* Does it show a sign-in code or a key? And was that a wrong one? */
bool job_shows_code(const struct job *);
bool job_guessed_wrong(const struct job *);

/* Was anything granted? */
bool job_granted(const struct job *);

/* Drop what was signed of it. */
void job_unsign(struct job *);

/* Free it and all it owns; NULL is allowed. Any thread. */
void job_free(struct job *);

#endif
