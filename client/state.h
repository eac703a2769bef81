/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine remembers between calls, in state.json of the state directory: the trusted mark, pinned
 * organisations, the exactly-once part of each host's ledger, and what is known of each product. The file
 * carries a MAC under the device key. The keys and codes of a call stand in it only until the call is
 * answered. Any thread, not shared. Times are seconds since 1970.
 */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certificate.h"
#include "device.h"
#include "discover.h"
#include "fault.h"
#include "keycode.h"
#include "limit.h"
#include "uptime.h"

#define STATE_PINS 32 /* as many vendors as there may be trusted keys */
#define STATE_LEDGERS 16
#define STATE_RECORDS LIMIT_PRODUCTS
#define TOKEN_ID 16 /* bytes of a request token */
#define RATCHET_MAX 16

enum call_kind {
	CALL_ACTIVATE,
	CALL_RENEW,
	CALL_RELEASE,
	CALL_SIGN_IN,
	CALL_SIGN_OUT,
	CALL_REDEEM,
	CALL_PREFLIGHT, /* what an activation after a reset would give: changes nothing, and is never kept */
	CALL_KINDS
};

/* One product of a call. */
struct want {
	char product[LIMIT_ID + 1]; /* "": of a sign-out from all of them */
	char user[LIMIT_USER + 1];  /* "": the device's own */
	char version[LIMIT_VERSION + 1];
	char plans[LIMIT_PLANS][LIMIT_ID + 1];
	size_t n_plans;
	int64_t serial;            /* of the lease held when the call was made; 0: none */
	char key[KEYCODE_KEY + 1]; /* with which an unknown device enrols; "": none */
	bool reinstalled;
};

struct call {
	enum call_kind kind;
	struct want wants[LIMIT_LINES];
	size_t n;
	char secret[KEYCODE_KEY + 1]; /* the sign-in code, or the product key to redeem; "": none */
};

/* Our place in one host's (or group of hosts') books. */
struct ledger {
	uint8_t id[LEDGER_ID];
	uint8_t ratchet[RATCHET_MAX];
	size_t ratchet_n;
	uint64_t counter;
	int64_t used; /* when it answered last */
	bool pending; /* a call was sent whose answer is not stored */
	uint8_t token[TOKEN_ID];
	struct call call;
};

/* The organisation whose hosts we accept for a vendor's products, and the last host that served us. */
struct pin {
	char vendor[PASERK_ID_TEXT];
	char org[LIMIT_ID + 1]; /* "": none yet */
	struct good_host host;
};

/* The last try for a product that did not end well. */
struct refusal {
	int code; /* E_...; 0: it ended well */
	struct numbers numbers;
	uint32_t retry_after;
	bool answered;                       /* by a host that we trust */
	char detail[LIMIT_DETAIL + 1];       /* what it was about, for people */
	char correlation[FAULT_CORRELATION]; /* its id in the host's log; "": no host answered */
};

struct record {
	char product[LIMIT_ID + 1];
	char vendor[PASERK_ID_TEXT];
	int64_t first_call;
	bool wanted;               /* somebody has asked to activate it */
	char user[LIMIT_USER + 1]; /* who is signed in; "": nobody */
	char version[LIMIT_VERSION + 1];
	char plans[LIMIT_PLANS][LIMIT_ID + 1]; /* asked for */
	size_t n_plans;
	int64_t serial;           /* of the stored lease; 0: none */
	int64_t stored;           /* when it was stored */
	char host[ENDPOINT_TEXT]; /* that gave it */
	uint32_t retry_minutes;
	struct numbers count; /* have and need of the last answer */
	int64_t tried;        /* this machine's clock */
	uint32_t failures;
	struct refusal refusal;
};

struct state {
	int64_t mark;                   /* authenticated time (machine_mark); 0: none */
	struct uptime up;               /* since then; no mark: since the first call for a product */
	int64_t tampered;               /* when a damaged state was replaced by this one; 0: never */
	uint8_t device[DEVICE_ID];      /* whose it is */
	bool forked;                    /* this machine was a copy */
	uint8_t forked_from[DEVICE_ID]; /* of that device */
	int64_t forked_at;
	bool disowned; /* not in the file: its leases are still another device's */
	struct pin pins[STATE_PINS];
	size_t n_pins;
	struct ledger ledgers[STATE_LEDGERS];
	size_t n_ledgers;
	struct record records[STATE_RECORDS];
	size_t n_records;
};

/* Read the folder's state.json into *ret; a missing file gives an empty state, and one of a former identity
 * is disowned as of now. E_STATE_TAMPERED; E_IO; E_NO_MEMORY. */
int state_load(const char *folder, const struct device *, int64_t now, struct state *ret, struct fault *);

/* Write it, atomically. E_IO, E_CANNOT_CREATE, E_NO_MEMORY. */
int state_save(const char *folder, const struct device *, const struct state *, struct fault *);

/* The bytes of the file, and back. *ret: freed by the caller. Errors: E_NO_MEMORY; E_STATE_TAMPERED for any
 * fault. */
int state_write(const struct state *, const uint8_t mac_key[DEVICE_MAC_KEY], char **ret);
int state_read(const char *text, size_t n, const uint8_t mac_key[DEVICE_MAC_KEY], struct state *ret);

/* A record by its product, or NULL. state_need makes one where there is none; NULL: there are too many.
 * Borrowed. */
struct record *state_record(struct state *, const char *product);
struct record *state_need(struct state *, const char *product, const char *vendor);

/* The pin of a vendor and the ledger of an id, made where there are none; the one used least gives way.
 * Borrowed. */
struct pin *state_pin(struct state *, const char *vendor);
struct ledger *state_ledger(struct state *, const uint8_t id[LEDGER_ID]);

/* The state of a copy becomes that of its new device: what was wished for stays, what was held goes. */
void state_disown(struct state *, const uint8_t device[DEVICE_ID], int64_t now);

/* Move the trusted mark to an authenticated time, while the machine is up so long. */
void state_mark(struct state *, int64_t time, const struct boot *now);

/* Forget what a record holds and wishes; when it was first called for stays. */
void record_clear(struct record *);

/* Do two calls ask for the same, whatever serials they show? */
bool call_same(const struct call *, const struct call *);

/* The want for a product, or NULL. Borrowed. */
const struct want *call_want(const struct call *, const char *product);

#endif
