/* SPDX-License-Identifier: Apache-2.0 */
/* One device's request inside a batch, shared by the request_*.c files. Lane only. */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include "broker.h"
#include "store.h"

/* One product of a request. */
struct work_line {
	struct device_facts person; /* the device, with this line's user */
	struct line_facts facts;
	struct verdict verdict;
};

/* One request at work. */
struct work {
	struct broker *b;
	struct job *job;
	int64_t now;
	struct asker asker;
	struct device_facts device; /* with the first line's user */
	char id[DEVICE_ID_TEXT];
	int64_t skew; /* of the device's clock (skew.h) */
	bool stores;  /* something about the device is written */
	struct work_line lines[];
};

/* Set up a request that is zeroed. */
void work_begin(struct work *, struct broker *, struct job *, int64_t now);

/* The candidate that was chosen for a line, or NULL. Borrowed. */
const struct candidate *work_chosen(const struct work *, size_t line);

/* Does the request give something back, rather than ask for it? */
bool work_gives_back(const struct work *);

/* Make a change of the request's device. */
int work_apply(struct work *, struct effect);

/* Decide every line; what is held, counted and audited after it. */
int work_decide(struct work *);
int work_store(struct work *);

/* request_voice.c: a call; and machines that have come back after one, when all is decided: for those who
 * would be granted, the places that stood for them are given back, and it is decided anew. */
int work_voice(struct work *);
int work_voice_settle(struct work *);

/* request_facts.c: all that is known of the device and of every line. */
int work_load(struct work *);

/* What the machine looked like when it was activated for a grant; without parts when that is not on record.
 */
int work_load_hardware(struct work *, int64_t device, int64_t grant, struct hardware *ret);

/* request_why.c: copy what the dry run has looked at into the job. */
int work_why(struct work *);

/* request_once.c: give the last answer again (false: there is none to this request); turn the ratchet and
 * remember the answer. */
bool work_repeat(struct work *);
int work_turn(struct work *);

/* request_suspect.c: a ratchet that does not fit. *ret_go: the request is served all the same. */
int work_suspect(struct work *, bool *ret_go);

/* The ratchet is turned by the batch at hand: whoever was greeted before it is late. */
void work_turned(struct work *);

/* request_words.c: what a refusal is about, into the line's detail. */
int work_explain(struct work *, size_t line);

/* request_effects.c: does the verdict change what is held; put the device, and what became of one line, into
 * the store. */
bool work_changes(const struct work *, size_t line);
int work_store_device(struct work *);
int work_store_line(struct work *, size_t line);

/* Count a refusal: for the day, and for whoever was refused. grant: 0 for none. */
int work_deny(struct work *, size_t line, int code, int64_t grant);

/* What the holder has of the product's other grants ends; the machine's parts, as a pool will know it by. */
int work_end_former(struct work *, size_t line, const struct candidate *);
int work_store_hardware(struct work *, size_t line, const struct candidate *);

/* request_person.c: what comes before a decision, or in its place. *ret_go: the decision follows. */
int work_sign_in(struct work *, bool *ret_go);
int work_sign_out(struct work *);
int work_redeem(struct work *);
int work_enrol(struct work *);

#endif
