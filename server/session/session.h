/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's connection as the host sees it: bytes in, jobs and bytes out; no socket, clock or thread in
 * it. The owner pumps: feed, then next until it says IDLE.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "channel.h"
#include "credentials.h"
#include "job.h"

enum session_state {
	SESSION_GREETING,  /* the client's hello is awaited */
	SESSION_ACCEPTING, /* crypto is due */
	SESSION_PROVING,   /* the client's proof is awaited */
	SESSION_FINISHING, /* crypto is due */
	SESSION_OPEN,      /* requests and answers */
	SESSION_CLOSING,   /* flush and close */
};

enum session_event {
	SESSION_IDLE,   /* feed me, or bring answers */
	SESSION_CRYPTO, /* call session_crypto, on any thread, and nothing else meanwhile */
	SESSION_JOB,    /* a job for the lane; session_answer must follow */
	SESSION_CLOSE,  /* write what is in channel.out, then close */
};

struct session {
	enum session_state state;
	struct channel channel;
	struct credentials_board *board;
	struct buffer hello;    /* the host's hello, between greeting and crypto */
	const uint8_t *payload; /* of the handshake's last message, until it is taken */
	size_t payload_n;
	bool payload_waits;
	unsigned owed;              /* jobs at the lane */
	unsigned long long greeted; /* batches committed when the client was greeted, or answered since */
	bool asked;                 /* a request came */
	unsigned small_talk;        /* requests that made no job */
	int64_t small_talk_since;   /* wall clock seconds of the first */
	int error;                  /* why it closes; 0: the client went */
};

/* Begin. fixed: the host's static pair, copied. board: outlives the session. */
void session_init(struct session *, const struct noise_pair *fixed, struct credentials_board *board);
void session_fini(struct session *);

/* Take bytes from the socket. */
void session_feed(struct session *, const uint8_t *bytes, size_t n);

/* What now? now: wall clock seconds, for the hello and for instant answers. *ret_job is set for SESSION_JOB.
 */
enum session_event session_next(struct session *, int64_t now, struct job **ret_job);

/* The public-key work that SESSION_CRYPTO asked for. Any thread. */
void session_crypto(struct session *);

/* The outcome of a job; it stays the caller's. */
void session_answer(struct session *, const struct job *);

/* The lane did not take the job: tell the client. The job stays the caller's. */
void session_reject(struct session *, const struct job *, int code, unsigned retry_after, int64_t now);

/* May more bytes be read? No while crypto is due, or too much is owed. */
bool session_reads(const struct session *);

/* Has the client proved its key? */
bool session_authenticated(const struct session *);

#endif
