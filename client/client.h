/* SPDX-License-Identifier: Apache-2.0 */
/* The handle behind muster.h, and what a verb holds while it runs. Not shared between threads. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <limits.h>
#include <stdatomic.h>

#include "device.h"
#include "discover.h"
#include "fault.h"
#include "leasefile.h"
#include "machine.h"
#include "options.h"
#include "state.h"
#include "trust.h"

/* What came of one product in the last verb. */
struct outcome {
	char product[LIMIT_ID + 1];
	const char *what;
	struct fault fault;         /* code 0: well */
	int notices[LIMIT_NOTICES]; /* codes that the host tells besides; 0 ends */
};

/* What the last reset did, step by step. */
#define RESET_STEPS 6
struct reset_log {
	struct {
		const char *words;
		const char *result;
	} rows[RESET_STEPS];
	size_t n;
	char file[PATH_MAX]; /* the undo file; "": none was written */
};

#define UPTIME_KEEP 900 /* seconds: so often it is written how long a machine with a wrong clock was up */

struct muster {
	struct options options;
	struct fault fault;
	struct steps steps;
	struct outcome *outcomes; /* LIMIT_PRODUCTS of them */
	size_t n_outcomes;
	struct reset_log reset;
	char *text;              /* that the last verb gave; owned */
	struct ongoing *ongoing; /* the verb that goes on in the caller's event loop; NULL: none */
	int epoll;               /* what it waits for; -1: none was begun yet */
	atomic_bool cancelled;   /* set by other threads and signal handlers */
	int64_t (*wall)(void);   /* this machine's clock; tests turn it */
	struct boot (*boot)(const char *root);
	const char *root; /* below which this machine shows its parts; tests have another */
	srv_draw *draw;
};

/* The files of a verb, read when it begins. */
struct work {
	struct muster *m;
	struct deadline deadline;
	const char *folder; /* the state directory, borrowed */
	int lock;           /* -1: none */
	struct trust trust;
	struct device *device; /* NULL: its file is damaged */
	struct state *state;
	bool damaged; /* device.key or state.json did not hold */
	struct machine_clock clock;
};

/* How a verb wants to work. */
enum work_mode {
	WORK_PEEK,  /* the state directory may be missing or closed to us: then as a new machine, and nothing
		       is written */
	WORK_READ,  /* look only: nothing is locked; an empty state directory is allowed */
	WORK_WRITE, /* lock; a damaged state is E_STATE_TAMPERED */
	WORK_HEAL,  /* lock; a damaged state is replaced */
};

/*
 * Begin a verb: state directory, lock, trust, device key (made when there is none) and state. Always followed
 * by work_close. Errors are in m->fault too: E_INSECURE, E_CANNOT_CREATE, E_IO and what fault_system makes of
 * them, E_STATE_LOCKED, E_CANCELLED, E_STATE_TAMPERED, E_DUPLICATE, E_KEY_INVALID, E_NO_MEMORY.
 */
int work_open(struct work *, struct muster *, enum work_mode, struct deadline);
void work_close(struct work *);

/* Write the state. Errors are in m->fault. */
int work_save(struct work *);

/*
 * A host says that another machine has this identity: take a new one, keep what is wished for, and lose what
 * was held. Not twice a day, and never where an operator chose it. Errors are in m->fault.
 */
bool work_may_fork(const struct work *);
int work_fork(struct work *);

/*
 * The record of a trusted product, made where there is none: its first grace begins then. NULL: there are too
 * many. made: set when the state was changed (may be NULL).
 */
struct record *work_record(struct work *, const struct trust_product *, bool *made);

/*
 * Raise the trusted mark to an authenticated time; or let the time that a host of this certificate told move
 * it (machine_mark). Then, or after other changes, the time to judge by may have moved.
 */
void work_raise(struct work *, int64_t time);
void work_told(struct work *, int64_t time, const struct certificate *);
void work_clock(struct work *);

/*
 * What a product is by its record and lease. ret_lease: the lease when machine.leased (may be NULL). product:
 * NULL when it is not in the trusted folder, and then no lease counts. fault: why a lease does not hold; code
 * 0 otherwise.
 */
struct machine work_machine(struct work *, const struct record *, const struct trust_product *,
			    struct stored_lease *ret_lease, struct fault *);

/* The outcome of a product, made where there is none; NULL: there are too many. */
struct outcome *muster_outcome(struct muster *, const char *product);

/* Forget the last call's error, steps and outcomes. E_IN_PROGRESS: a verb goes on, and nothing was forgotten.
 */
int muster_begin(struct muster *);

/* The handle owns the last text that it gave: take this one over, or free it when there is an error, which is
 * returned. */
int muster_keep_text(struct muster *, char *text, int error);

/* The deadline of a verb; and that of a call which only waits for other programs, where this handle waits. */
struct deadline muster_deadline(struct muster *, int deadline_ms);
struct deadline muster_local_deadline(struct muster *);

#endif
