/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place where decide and remember meet, and the only user of the signing key: a batch of jobs
 * becomes one transaction, and what is signed of it leaves only when that is durable. Belongs to the lane's
 * thread, but for the board and the atomics.
 */
#ifndef SERVER_BROKER_H
#define SERVER_BROKER_H

#include <stdatomic.h>

#include "catalog.h"
#include "change.h"
#include "counters.h"
#include "credentials.h"
#include "host_key.h"
#include "job.h"
#include "policy.h"
#include "seats.h"

struct row;
struct store;
struct syncer;

#define TALLIES_MAX 64

/* What the ledger's meta table says beside LEDGER_KEY. Numbers are decimal texts. */
#define META_SECRET "ledger-secret"
#define META_RESTORED "restored"   /* seconds */
#define META_RETIRED "retired"     /* seconds; 0: not */
#define META_BACKUP "backup.last"  /* seconds of the last good backup */
#define META_TIME "time"           /* seconds: the greatest time that was believed, to the minute */
#define META_PRUNED "audit.pruned" /* seq of the last audit row that was to go */

/* And of a license that was taken out, behind vendor and id: its serial. */
#define META_REMOVED "removed."
#define META_REMOVED_TEXT (sizeof(META_REMOVED) + PASERK_ID_TEXT + 1 + LIMIT_ID)

/* The most that was in force of each grant today, as the store has it (peaks.c). */
#define RISEN_MAX 256
struct peaks {
	int32_t day;              /* 0: the next batch writes a row for every grant */
	bool all;                 /* more grants have risen than there is room for */
	int64_t risen[RISEN_MAX]; /* grants of which more is held than before, in this batch */
	size_t n;
};

struct tally {
	const char *what;
	int64_t grant;
	int64_t n;
};

/* A device that was audited today for what it repeats without end. */
#define TOLD_MAX 4096
#define TOLD_BATCH 512
struct told {
	uint64_t key;
	int32_t day;
};

/* What somebody tried in vain since an instant. */
#define TRIES_MAX 256
struct tries {
	uint64_t who;
	int64_t since;
	int n;
};

/* So that a repeated request does not count as another try. */
#define TRIED_MAX 1024

/* Slots of turned; devices that share one are taken for each other, which costs a client another try. */
#define TURNED_MAX 65536

/* The audit log's checkpoints: how far they reach, and the one that goes with the batch at hand. */
struct seal {
	bool on;           /* the host has started */
	bool known;        /* its key is on record as one that signs the log */
	bool soon;         /* one is due, however few rows are new */
	bool making;       /* with this batch */
	int64_t seq;       /* the last row covered; 0: none */
	int64_t at;        /* when that was signed */
	size_t rows;       /* durable ones that are not covered */
	size_t new_rows;   /* of this batch */
	char *token;       /* of this batch; owned */
	int64_t pending;   /* the row that it covers */
	char hash[44 + 1]; /* and its hash, as text */
};

struct timekeeper;

struct broker {
	struct store *store;
	struct syncer *syncer; /* the lane's; NULL: the broker waits for the disk itself, */
	size_t beside;         /* as it does for a batch of fewer jobs than these */
	struct {
		const uint8_t *key; /* of the site: VOICE_KEY bytes; borrowed; NULL: no digits by telephone */
		unsigned index;     /* of the keys that are made of it */
		unsigned days;      /* of a confirmation */
	} voice;
	struct timekeeper *time; /* whether the clock can be believed; borrowed; NULL: it can */
	const struct host_key *key;
	struct catalog catalog;
	struct credentials_board board;
	uint8_t ledger[LEDGER_ID];
	uint8_t *secret;           /* of the ledger: RATCHET_SECRET bytes in locked memory */
	int64_t time_known;        /* before the start; 0: none */
	int64_t restored;          /* when the ledger was put back from a backup; 0: never */
	atomic_llong retired;      /* when the host was retired; 0: it serves */
	atomic_uint renew_minutes; /* [policy]; 0: the grants' own */
	atomic_uint retry_minutes;
	atomic_uint slow_ms;        /* [log] slow_request_ms; 0: never */
	atomic_uint audit_days;     /* [audit] retain_days; 0: for ever */
	atomic_ullong generation;   /* rises when the catalog changes */
	atomic_int store_error;     /* of the last batch; 0: it was committed */
	atomic_int fatal;           /* not 0: nothing can be written any more; the daemon must restart */
	unsigned long long *turned; /* the batch that turned a device's ratchet last: TURNED_MAX slots */
	struct counters *counters;
	struct tally tallies[TALLIES_MAX];
	size_t n_tallies;
	struct peaks peaks;
	struct told told[TOLD_MAX];
	size_t told_now[TOLD_BATCH]; /* slots that this batch has set */
	size_t n_told_now;
	bool catalog_stale;                 /* the batch changed licenses or certificates */
	struct offers offers;               /* of the product that was settled last */
	struct round round;                 /* what the change at hand does to seats */
	struct tries wrong_keys[TRIES_MAX]; /* by actors */
	struct tries strangers[TRIES_MAX];  /* codes of nobody, by user names */
	struct tries shows[TRIES_MAX];      /* leases that devices showed */
	uint64_t tried[TRIED_MAX];          /* request tokens whose wrong sign-in code was counted */
	struct losers losers;               /* of the orders at hand */
	struct seal seal;
	unsigned long long swept; /* generation whose waiting seats were all tried; 0: not all */
	int32_t pruned_day;       /* when the audit log was looked through for what is too old */
	int64_t seat_cursor;      /* of the sweeper's walk through all seats */
	int64_t device_cursor;    /* and through all devices */
	int64_t replays;          /* answers that are remembered, and their bytes, */
	int64_t replay_bytes;
	bool replays_counted; /* once they were counted */
};

/* Begin on an open store, which stays the caller's like key and counters. The ledger id is made when there is
 * none. Errors of the store. */
int broker_open(struct broker *, struct store *, const struct host_key *, struct counters *);
void broker_close(struct broker *);

/* While no lane runs: audit that the host has started or stops, and sign the audit log up to there. From the
 * start on, batches sign it again when enough is new. Failures are logged: serving goes before, unless the
 * store is done for (fatal). */
void broker_started(struct broker *, int64_t now, const char *version);
void broker_stopped(struct broker *, int64_t now, const char *version);

/*
 * Run a batch at one instant: every job has its outcome afterwards, and what was granted is durable and
 * signed. Each job is handed over as soon as it has it, while others still wait for their signatures.
 */
typedef void take_function(struct job *, void *context);
void broker_serve(struct broker *, struct job **jobs, size_t n, int64_t now, take_function *, void *context);

/* The same for jobs that stay the caller's. */
void broker_run(struct broker *, struct job **jobs, size_t n, int64_t now);

/* Go by this timekeeper from now on, and tell it what time was believed last. Before the lane runs. */
void broker_keep_time(struct broker *, struct timekeeper *);

/* The number that a row of LIST_META holds as text. Any thread. */
int64_t broker_meta_number(const struct row *);

/* --- between the broker's own files --- */

/* Make one change inside the batch's transaction. */
int broker_audit(struct broker *, int64_t now, const char *actor, const char *action, const char *object,
		 json_t *detail /* taken over; NULL is out of memory */);

/* At a batch's begin: sign what is durable, when it is time. At its end: tell the log, or forget it. */
int seal_make(struct broker *, int64_t now);
void seal_end(struct broker *, int64_t now, bool durable);

/* Can the clock not be believed, so that nothing may be signed? Write down an instant that was believed, for
 * the next start. */
bool broker_doubts_time(const struct broker *);
int broker_note_time(struct broker *, int64_t now);

/* Put a number into the ledger's meta table, and get it back: 0 when there is none. */
int broker_note(struct broker *, const char *meta, int64_t number);
int broker_noted(struct broker *, const char *meta, int64_t *ret);

/* Under which name a license that was taken out is remembered (licenses.c). */
void license_removed_meta(const char *vendor, const char *license, char out[META_REMOVED_TEXT]);

/* Store the marks of a grant when they changed, and audit what they mean; reaching a threshold of one is
 * nothing to audit. have, need: the count and the threshold, or what is used of a pool and its quantity. */
int broker_marks(struct broker *, int64_t now, int64_t grant, const char *id,
		 const struct grant_marks *before, const struct grant_marks *after, int64_t have,
		 int64_t need);

/* Was this device audited today already for a repeated fault? It counts as told afterwards. Forgets under
 * pressure. */
bool broker_told_today(struct broker *, const uint8_t device[DEVICE_ID], int64_t now);

/* Somebody's tries in one of the broker's tables; they are forgotten so many seconds after the first, and
 * under pressure. */
struct tries *broker_tries(struct broker *, struct tries table[TRIES_MAX], const char *who, int64_t now,
			   int64_t seconds);

/*
 * Peaks of the day (peaks.c). A change of a holding, or of a grant's seats, that makes its count, its leases
 * or its seats more is noted; at the end of the batch the counts of what was noted are written where they are
 * the most of the day. A batch that is the first of its day begins with a row for every grant, so that days
 * without changes have one and what stood at midnight counts.
 */
void peaks_note(struct broker *, int64_t grant);
void peaks_note_holding(struct broker *, const struct candidate *, const struct holding *after, int64_t now);
int peaks_begin(struct broker *, int64_t now);
int peaks_flush(struct broker *, int64_t now);

/* A refusal, to the one row of its device, user, product and code; a stranger's, who leaves no trace, to the
 * row of device 0 (denials.c). */
struct refusal {
	int64_t device; /* 0: a stranger */
	int64_t user;   /* 0: the device's own request, or unknown */
	const char *product;
	int code;
};
int broker_deny(struct broker *, const struct refusal *, int64_t now);

/* Count an event of the day; flushed once a batch. */
void broker_tally(struct broker *, const char *what, int64_t grant);

/* One job inside the transaction: 0, or the error that undoes the batch. The job's own outcome is in the job.
 */
int request_run(struct broker *, struct job *, int64_t now);
int host_event_run(struct broker *, struct job *, int64_t now);
int adopt_run(struct broker *, struct job *, int64_t now);
int request_file_run(struct broker *, struct job *, int64_t now);
int install_run(struct broker *, struct job *, int64_t now);
int change_run(struct broker *, struct job *, int64_t now);
int sweep_run(struct broker *, struct job *, int64_t now);

/* What is to be known of a part by telephone before it is run: device, vendor and product. 0, or why there is
 * nothing to run (request_voice.c). */
int voice_begin(const struct broker *, struct job *part);

/* A sweep's part: requests by file that were granted long ago are forgotten (request_offline.c). */
int request_file_sweep(struct broker *, int64_t now);

/* A sweep's part: audit rows that are too old go (prune.c). */
int prune_sweep(struct broker *, int64_t now);

/* What is durable comes into force. */
void host_event_done(struct broker *, const struct job *);

/* Is that kind of job refused, because the host is retired? */
bool host_event_refuses(const struct broker *, enum job_kind);

/* A user's sign-in on a device: *ret_code says why not. A right code is used up, and the binding is made. */
int signin_check(struct broker *, struct job *, int64_t device, int64_t now, int *ret_code);

/* Redeem a key for a product ("" for any): *ret_code says why not, numbers and detail what is behind it;
 * detail of success says what it gave. actor: whose wrong tries are counted, too. from_device: only where the
 * grant allows that. */
struct redeeming {
	const char *key; /* bare */
	const char *product;
	const char *grant; /* only of this one; NULL: any */
	bool from_device;
	const char *actor;
	struct numbers numbers;
	char detail[LIMIT_DETAIL + 1];
};
int redeem_run(struct broker *, struct redeeming *, int64_t now, int *ret_code);

/* Take an activation away: a device's own, or a user's on it. action: for the audit log. */
int broker_release(struct broker *, int64_t now, const char *actor, const char *action,
		   const struct row *activation);

/* Forget the parts of a machine that gave a pool's place back, so that it is found by them no more. */
int broker_drop_hardware(struct broker *, int64_t device, int64_t grant);

/* Sign the leases of a job whose batch is committed. They are nobody's before it is durable, too. */
void signer_sign(struct broker *, struct job *);

#endif
