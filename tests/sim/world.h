/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world in one process under virtual time (DESIGN 12.3): the real libmuster and the real broker, with a
 * network, disks, clocks and administrators that do harm by a seed. What stands for the real thing is the
 * network between dialog.h and rpc.h, the clocks, chance, and that a program which was killed does nothing
 * any more. One seed is one run, always the same. One thread.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker.h"
#include "counters.h"
#include "muster.h"
#include "product.h"
#include "store.h"
#include "timekeeper.h"

#define HOUR 3600
#define DAY 86400
#define WORLD_HOSTS 2
#define WORLD_MACHINES 12
#define WORLD_LATE 32
#define WORLD_DEVICES 256
#define VOLUME_THRESHOLD 2
#define POOL_QUANTITY 4
#define WORLD_BEGIN 1800000000 /* 2027-01-15T08:00:00Z */

/* What a run does wrong on purpose, so that the checks are seen to catch it. */
enum variant {
	VARIANT_NONE,
	VARIANT_SKIP_COMMIT,    /* says that a batch is durable, and forgets it at times */
	VARIANT_ANSWER_FIRST,   /* answers before it commits: a crash in between loses what was said */
	VARIANT_FORGET_RATCHET, /* does not store the exactly-once row */
	VARIANT_FORGET_PARTS,   /* does not store what a machine is made of */
	VARIANT_COUNT_MANY,     /* counts machines that are not there */
	VARIANT_COUNT_PLACES,   /* and places that are not taken */
	VARIANTS
};

/* --- chance --- */

uint64_t chance(void);
uint64_t chance_below(uint64_t bound);
bool chance_in(unsigned n); /* one in n */
void chance_seed(uint64_t seed);

/* --- a host --- */

/* When the store dies: the process is killed there, at the latest after the next commit. */
enum death { DEATH_NONE, DEATH_CALL, DEATH_BEFORE_COMMIT, DEATH_AFTER_COMMIT };

struct shaky {
	struct store store;
	struct store *inner;
	enum death death;
	unsigned calls; /* to go until DEATH_CALL */
	bool dead;
	bool unheard;     /* it committed last, and nobody was answered */
	bool owes_commit; /* not synced yet; VARIANT_ANSWER_FIRST: answered all the same */
	int64_t full;     /* until then the disk is full, now and again */
};

struct host {
	size_t number;
	struct host_key *key;
	struct shaky shaky;
	struct broker broker;
	struct counters counters;
	struct timekeeper *time;
	int64_t clock_off; /* of its clock, from the right time */
	int64_t back;      /* when its clock is right again, and */
	int64_t up;        /* when it is up again; 0: now */
	int64_t checked;   /* when its whole store was last looked at */
	char path[64];     /* of its database; "": in memory */
};

/* --- a machine --- */

struct machine {
	bool exists;
	int64_t wakes;
	int64_t clock_off;
	int64_t back; /* when its clock is right again */
	int64_t booted;
	unsigned boots;
	unsigned root;  /* which hardware */
	unsigned lives; /* how often it has forgotten what it was, or was made what it had been */
	char state[64];
	char snapshot[64]; /* "": none */
	bool wants[2];
	int crash_in; /* steps until it is killed; -1: it is not */
	bool dead;
};

/* What a host has told a device for good: it may never be forgotten. */
struct acked {
	bool used;
	uint8_t device[DEVICE_ID];
	bool taint; /* of a machine that was copied or put back: the host may take it for one */
	struct {
		uint64_t counter;
		int64_t at;    /* when the host answered it last; a repeat is nothing new to it */
		bool asked;    /* it is counted, heard or not */
		unsigned root; /* the hardware that was served last, when some was */
		bool has_root;
		unsigned served; /* since a machine was copied or put back: a bit for each */
		unsigned left; /* of these, those whose branch was left when another was served out of step */
		int64_t serial[2]; /* of a lease that was taken home; 0: none, or given back */
	} hosts[WORLD_HOSTS];
};

/* A request that comes late. */
struct late {
	struct job *job;
	struct host *host;
	const struct machine *sender;
	unsigned life; /* of the sender, when it asked */
	int64_t at;
};

struct world {
	uint64_t seed;
	enum variant variant;
	bool trace;
	int64_t now;
	int64_t end;      /* of the harm; then all is mended, and everybody must be served */
	unsigned weather; /* one in so many messages is lost; 0: none */
	struct host hosts[WORLD_HOSTS];
	size_t n_hosts;
	struct machine machines[WORLD_MACHINES];
	struct machine *here;         /* whose turn it is */
	const struct machine *sender; /* of the request at hand; NULL: a host's own */
	bool orphan;    /* its sender has begun another life since: nobody stands where it stood */
	unsigned roots; /* of hardware for copies */
	struct late late[WORLD_LATE];
	size_t n_late;
	struct acked acked[WORLD_DEVICES];
	char folder[32];
	/* what came of it */
	unsigned long long answers;
	unsigned long long events;
	unsigned long long forks;
	unsigned long long rollbacks;
	bool broken;
};

extern struct world world;
extern const char *const products[2];

/* A step, when the run is watched; and a rule that was broken, with what it takes to see it again. */
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* host.c */
void host_make(struct host *, const char *backend);
void host_run(struct host *, struct job **jobs, size_t n);
void host_kill(struct host *);
void host_start(struct host *);
void host_free(struct host *);
bool host_is_up(const struct host *);
struct clock host_clock(struct host *);

/* shaky.c */
void shaky_open(struct shaky *, const char *url);
void shaky_reopen(struct shaky *, const char *url);

/* machine.c */
struct machine *machine_make(unsigned root);
void machine_turn(struct machine *);
void machine_harm(struct machine *);
void machine_mend(struct machine *);
bool machine_step(void); /* one that it takes; false: it is dead */
const char *machine_root(unsigned root);
bool machine_alike(unsigned root, unsigned other); /* hardware that shows the same kinds of parts */
struct muster *machine_open(struct machine *);

/* network.c */
void network_late(void); /* what is due of the requests that come late */
void network_drop(const struct host *);

/* check.c */
struct acked *check_device(const uint8_t device[DEVICE_ID]);
void check_asked(const struct host *, const struct job *);
void check_job(struct host *, const struct job *);
void check_unheard(const struct host *, const struct job *);
void check_told(struct host *, const struct job *);
void check_host(struct host *);
void check_end(void);

#endif
