/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small activation host for the tests of client/: a thread on loopback that speaks the real protocol with
 * real signatures and remembers one device, and that can be told to misbehave. Other knobs than its mode are
 * turned only while no call is under way.
 */
#ifndef TESTS_CLIENT_PEER_H
#define TESTS_CLIENT_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base64url.h"
#include "certificate.h"
#include "channel.h"
#include "error.h"
#include "file.h"
#include "lease.h"
#include "message.h"
#include "product.h"
#include "token.h"

#define PEER_NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define PEER_DAY 86400LL
#define PEER_WAIT_MS 3000
#define PEER_PRODUCTS 16

enum peer_mode {
	PEER_SERVE,
	PEER_SILENT,   /* accepts and says nothing */
	PEER_GARBAGE,  /* answers another protocol */
	PEER_HALF,     /* the first half of its handshake message, then nothing */
	PEER_CLOSE,    /* closes at once */
	PEER_REFUSE,   /* a clear refusal with `code` */
	PEER_MUTE,     /* reads the request and never answers */
	PEER_LOSE,     /* does the work and closes without an answer */
	PEER_DAMAGE,   /* one bit of the sealed answer is wrong */
	PEER_STRAY,    /* first an answer to something else */
	PEER_NONSENSE, /* seals bytes that are no message */
};

struct peer_vendor {
	uint8_t secret[PASETO_SECRET];
	uint8_t public[PASETO_PUBLIC];
	char pid[PASERK_ID_TEXT];
};

struct peer {
	/* who it is */
	const struct peer_vendor *vendor;
	uint8_t secret[PASETO_SECRET];
	uint8_t public[PASETO_PUBLIC];
	struct noise_pair fixed;
	uint8_t ledger[LEDGER_ID];
	const char *org;
	int fd;
	uint16_t port;
	pthread_t thread;
	_Atomic bool stopping;
	/* how it behaves */
	_Atomic(enum peer_mode) mode; /* may be turned while a call is under way, too */
	int code;                     /* of a clear refusal */
	int call_code;                /* refuses the whole call with this error */
	const char *refuse;           /* refuses this product, or every one when "*" */
	pb_size_t refuse_tag;         /* but only in this call; 0: in each */
	int product_code;             /* with this error */
	const char *detail;           /* of each result */
	int64_t have, need;
	int64_t used, quantity;
	void (*hook)(struct peer *); /* called when a request came in (last), before it is answered */
	enum model model;
	const char *as_user; /* whose the leases are; NULL: of who asks */
	int64_t now;
	int64_t nbf, exp;    /* of its certificate */
	const char *covers;  /* the only product in it; NULL: all */
	const char *license; /* NULL: license-1 */
	bool wrong_static;   /* shows a certificate for another static key */
	bool no_certificate;
	bool foreign_certificate; /* with the lease: of another host of the vendor */
	int alter; /* 1: another product's lease, 2: one bit, 3: another device's, 4: lower serial */
	int64_t lease_days, renew_days;
	enum on_expiry on_expiry;
	/* what it remembers of the device */
	uint8_t token[16];
	int64_t made; /* when the last call was done */
	int64_t serials[PEER_PRODUCTS];
	char names[PEER_PRODUCTS][LIMIT_ID + 1];
	uint64_t counter;
	const char *watch; /* a file to be read when a request comes in, before it is answered */
	/* what it saw */
	char *watched; /* what that file held; freed by the test */
	size_t watched_n;
	int connections;
	int requests;
	int done;    /* calls with a new token */
	int repeats; /* calls with the last token again */
	int asked;   /* dry runs */
	bool ratchet_wrong;
	wire_request last;
};

static inline struct peer_vendor peer_vendor_make(uint8_t number)
{
	struct peer_vendor v;
	uint8_t seed[crypto_sign_SEEDBYTES] = {number};
	assert_true(sodium_init() >= 0);
	crypto_sign_seed_keypair(v.public, v.secret, seed);
	paserk_pid_write(v.public, v.pid);
	return v;
}

/* --- signing --- */

static inline void peer_head(struct claims_head *head, const uint8_t signer[PASETO_PUBLIC], int64_t iat)
{
	paserk_pid_write(signer, head->iss);
	head->iat = iat;
	snprintf(head->jti, sizeof(head->jti), "AAAAAAAAAAAAAAAAAAAAAA");
}

/* Freed by the caller. */
static inline char *peer_certificate(const struct peer *p)
{
	struct certificate c = {.nbf = p->nbf, .exp = p->exp, .name = "peer"};
	char *token = NULL;
	peer_head(&c.head, p->vendor->public, p->nbf);
	memcpy(c.vendor, p->vendor->public, sizeof(c.vendor));
	memcpy(c.sign, p->public, sizeof(c.sign));
	memcpy(c.fixed, p->fixed.public, sizeof(c.fixed));
	if (p->wrong_static)
		c.fixed[5] ^= 1;
	memcpy(c.ledger, p->ledger, sizeof(c.ledger));
	memcpy(c.fp_salt, p->ledger, sizeof(p->ledger));
	snprintf(c.org, sizeof(c.org), "%s", p->org);
	snprintf(c.license, sizeof(c.license), "%s", p->license ? p->license : "license-1");
	if (p->covers)
		snprintf(c.products[c.n_products++], sizeof(c.products[0]), "%s", p->covers);
	if (certificate_sign(&c, p->vendor->secret, &token))
		abort();
	return token;
}

static inline int64_t *peer_serial(struct peer *p, const char *product)
{
	size_t i = 0;
	while (i < PEER_PRODUCTS - 1 && p->names[i][0] && strcmp(p->names[i], product) != 0)
		i++;
	snprintf(p->names[i], sizeof(p->names[i]), "%s", product);
	return &p->serials[i];
}

static inline void peer_lease(struct peer *p, const wire_want *want, const wire_device *device,
			      const uint8_t fixed[NOISE_KEY], char out[LIMIT_LEASE + 1])
{
	struct lease l = {.model = p->model, .grant = "g", .license = "license-1"};
	char *token = NULL;
	peer_head(&l.head, p->public, p->made);
	memcpy(l.vendor, p->vendor->pid, sizeof(l.vendor));
	snprintf(l.product, sizeof(l.product), "%s", p->alter == 1 ? "other" : want->product);
	device_id(fixed, device->sign, l.device);
	if (p->alter == 3)
		l.device[0] ^= 1;
	snprintf(l.user, sizeof(l.user), "%s", p->as_user ? p->as_user : want->user);
	for (size_t i = 0; i < want->plans_count; i++)
		memcpy(l.plans[l.n_plans++], want->plans[i], sizeof(l.plans[0]));
	l.exp = p->lease_days ? p->made + p->lease_days * PEER_DAY : 0;
	l.renew_after = p->renew_days ? p->made + p->renew_days * PEER_DAY : 0;
	snprintf(l.org, sizeof(l.org), "%s", p->org);
	l.have = p->have;
	l.need = p->need;
	l.serial = p->alter == 4 ? 1 : *peer_serial(p, want->product);
	l.on_expiry = p->on_expiry;
	if (lease_sign(&l, p->secret, &token))
		abort();
	if (p->alter == 2)
		token[40] = token[40] == 'A' ? 'B' : 'A';
	snprintf(out, LIMIT_LEASE + 1, "%s", token);
	free(token);
}

/* --- answering --- */

/* Every call that changes something begins alike. */
static inline const wire_once *peer_once(const wire_request *r)
{
	return &r->call.activate.once;
}

static inline bool peer_is_dry(const wire_request *r)
{
	return r->which_call == muster_v1_Request_activate_tag && r->call.activate.dry_run;
}

/* What is asked for, whatever the call. Returns how many wants. */
static inline size_t peer_wants(const wire_request *r, wire_want out[LIMIT_LINES])
{
	memset(out, 0, LIMIT_LINES * sizeof(*out));
	switch (r->which_call) {
	case muster_v1_Request_release_tag:
		memcpy(out->product, r->call.release.product, sizeof(out->product));
		memcpy(out->user, r->call.release.user, sizeof(out->user));
		return 1;
	case muster_v1_Request_sign_out_tag:
		memcpy(out->product, r->call.sign_out.product, sizeof(out->product));
		memcpy(out->user, r->call.sign_out.user, sizeof(out->user));
		return 1;
	case muster_v1_Request_redeem_tag:
		memcpy(out->product, r->call.redeem.product, sizeof(out->product));
		return 1;
	case muster_v1_Request_sign_in_tag:
		*out = r->call.sign_in.want;
		return 1;
	default: /* Renew has the same members */
		memcpy(out, r->call.activate.wants, r->call.activate.wants_count * sizeof(*out));
		return r->call.activate.wants_count;
	}
}

static inline bool peer_refuses(const struct peer *p, const wire_request *r, const char *product)
{
	if (!p->refuse || (p->refuse_tag && p->refuse_tag != r->which_call))
		return false;
	return strcmp(p->refuse, "*") == 0 || strcmp(p->refuse, product) == 0;
}

static inline void peer_result(struct peer *p, const wire_request *r, const wire_want *want,
			       const uint8_t fixed[NOISE_KEY], bool again, wire_result *ret)
{
	bool gives = r->which_call == muster_v1_Request_activate_tag ||
		     r->which_call == muster_v1_Request_renew_tag ||
		     r->which_call == muster_v1_Request_sign_in_tag;
	snprintf(ret->product, sizeof(ret->product), "%s", want->product);
	snprintf(ret->detail, sizeof(ret->detail), "%s", p->detail ? p->detail : "");
	ret->have = p->have;
	ret->need = p->need;
	ret->retry_minutes = 120;
	if (peer_refuses(p, r, want->product)) {
		ret->has_status = true;
		ret->status = (wire_status){.code = (uint32_t)-p->product_code,
					    .have = p->have,
					    .need = p->need,
					    .used = p->used,
					    .quantity = p->quantity};
		return;
	}
	if (!gives || peer_is_dry(r))
		return;
	if (!again)
		(*peer_serial(p, want->product))++;
	peer_lease(p, want, &r->call.activate.device, fixed, ret->lease);
	char *certificate = peer_certificate(p);
	if (p->foreign_certificate) {
		struct peer other = *p;
		free(certificate);
		other.fixed.public[3] ^= 1;
		certificate = peer_certificate(&other);
	}
	snprintf(ret->certificate, sizeof(ret->certificate), "%s", certificate);
	free(certificate);
}

static inline bool peer_count_once(struct peer *p, const wire_request *r)
{
	const wire_once *once = peer_once(r);
	bool again = p->done && memcmp(once->token, p->token, 16) == 0;
	uint64_t expected = again ? p->counter - 1 : p->counter;
	p->ratchet_wrong |=
		once->counter != expected || (expected && once->ratchet.bytes[0] != (uint8_t)expected);
	if (again) {
		p->repeats++;
	} else {
		p->done++;
		p->counter++;
		p->made = p->now;
		memcpy(p->token, once->token, 16);
	}
	return again;
}

static inline void peer_answer(struct peer *p, const wire_request *r, const uint8_t fixed[NOISE_KEY],
			       wire_response *ret)
{
	wire_want *wants = calloc(LIMIT_LINES, sizeof(*wants));
	bool dry = peer_is_dry(r);
	memset(ret, 0, sizeof(*ret));
	ret->id = r->id;
	ret->time = p->now;
	snprintf(ret->correlation, sizeof(ret->correlation), "c-%d", p->requests);
	if (p->call_code) {
		ret->has_status = true;
		ret->status.code = (uint32_t)-p->call_code;
		free(wants);
		return;
	}
	p->asked += dry;
	bool again = !dry && peer_count_once(p, r);
	ret->which_result = muster_v1_Response_answer_tag;
	muster_v1_Answer *answer = &ret->result.answer;
	answer->results_count = (pb_size_t)peer_wants(r, wants);
	for (size_t i = 0; i < answer->results_count; i++)
		peer_result(p, r, &wants[i], fixed, again, &answer->results[i]);
	free(wants);
	if (dry)
		return;
	answer->counter = p->counter;
	answer->ratchet.size = 16;
	memset(answer->ratchet.bytes, (int)p->counter, 16);
}

/* --- one connection --- */

static inline void peer_send(int fd, struct channel *ch)
{
	while (ch->out.used) {
		ssize_t put = send(fd, ch->out.bytes, ch->out.used, MSG_NOSIGNAL);
		if (put <= 0)
			return;
		buffer_drop(&ch->out, (size_t)put);
	}
}

/* Wait until the other side says something or goes away. */
static inline bool peer_wait(struct peer *p, int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	for (int i = 0; i < PEER_WAIT_MS / 10 && !p->stopping; i++)
		if (poll(&pfd, 1, 10) > 0)
			return true;
	return false;
}

static inline bool peer_await(struct peer *p, int fd, struct channel *ch, enum channel_event wanted)
{
	uint8_t bytes[4096];
	for (;;) {
		int event = channel_next(ch);
		if (event != CHANNEL_WANT)
			return event == (int)wanted;
		if (!peer_wait(p, fd))
			return false;
		ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
		if (got <= 0 || channel_feed(ch, bytes, (size_t)got))
			return false;
	}
}

static inline bool peer_handshake(struct peer *p, int fd, struct channel *ch)
{
	uint8_t bytes[LIMIT_HANDSHAKE_OUT];
	wire_client_hello hello;
	wire_server_hello mine = {.version = FRAME_VERSION, .time = p->now};
	uint8_t pid[PASERK_ID];
	size_t n;
	if (!peer_await(p, fd, ch, CHANNEL_HELLO))
		return false;
	const uint8_t *payload = channel_payload(ch, &n);
	if (client_hello_read(payload, n, &hello))
		return false;
	paserk_pid(p->vendor->public, pid);
	/* A rogue shows what it has, whatever was asked for. */
	(void)pid;
	if (!p->no_certificate) {
		char *certificate = peer_certificate(p);
		snprintf(mine.certificates[mine.certificates_count++], sizeof(mine.certificates[0]), "%s",
			 certificate);
		free(certificate);
	}
	if (server_hello_write(&mine, bytes, sizeof(bytes), &n) || channel_accept(ch, bytes, n))
		return false;
	if (p->mode == PEER_HALF)
		ch->out.used /= 2;
	peer_send(fd, ch);
	return p->mode != PEER_HALF;
}

static inline void peer_respond(struct peer *p, int fd, struct channel *ch, const uint8_t *request, size_t n)
{
	static const uint8_t nonsense[] = {0xff, 0xff, 0xff, 0xff, 1};
	uint8_t *bytes = malloc(LIMIT_RESPONSE);
	wire_response *response = malloc(sizeof(*response));
	size_t made = 0;
	if (!bytes || !response || request_read(request, n, &p->last))
		abort();
	p->requests++;
	if (p->watch) {
		free(p->watched); /* as it was for the request before */
		if (file_read(p->watch, 1 << 20, &p->watched, &p->watched_n))
			p->watched = NULL;
	}
	if (p->hook)
		p->hook(p);
	peer_answer(p, &p->last, channel_remote(ch), response);
	if (p->mode == PEER_STRAY) {
		wire_response *stray = calloc(1, sizeof(*stray));
		stray->id = response->id + 77;
		if (response_write(stray, bytes, LIMIT_RESPONSE, &made) || channel_seal(ch, bytes, made))
			abort();
		free(stray);
	}
	if (response_write(response, bytes, LIMIT_RESPONSE, &made))
		abort();
	bool nonsensical = p->mode == PEER_NONSENSE;
	if (channel_seal(ch, nonsensical ? nonsense : bytes, nonsensical ? sizeof(nonsense) : made))
		abort();
	if (p->mode == PEER_DAMAGE)
		ch->out.bytes[ch->out.used - 1] ^= 1;
	if (p->mode != PEER_LOSE && p->mode != PEER_MUTE)
		peer_send(fd, ch);
	free(bytes);
	free(response);
}

static inline void peer_talk(struct peer *p, int fd, struct channel *ch)
{
	const uint8_t *payload;
	size_t n;
	if (!peer_handshake(p, fd, ch)) {
		peer_wait(p, fd);
		return;
	}
	if (!peer_await(p, fd, ch, CHANNEL_SEALED) || channel_finish(ch, &payload, &n))
		return;
	peer_respond(p, fd, ch, payload, n);
	channel_done(ch);
	if (p->mode == PEER_LOSE)
		return;
	while (peer_await(p, fd, ch, CHANNEL_MESSAGE) && channel_open(ch, &payload, &n) == 0) {
		peer_respond(p, fd, ch, payload, n);
		channel_done(ch);
	}
}

static inline void peer_connection(struct peer *p, int fd)
{
	struct channel ch;
	uint8_t refusal[FRAME_REFUSAL];
	p->connections++;
	switch (p->mode) {
	case PEER_CLOSE:
		break;
	case PEER_SILENT:
		while (peer_wait(p, fd) && recv(fd, refusal, sizeof(refusal), 0) > 0)
			;
		break;
	case PEER_GARBAGE:
		(void)!send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL);
		break;
	case PEER_REFUSE:
		refusal_write(p->code, 3000, refusal);
		(void)!send(fd, refusal, sizeof(refusal), MSG_NOSIGNAL);
		peer_wait(p, fd);
		break;
	default:
		channel_init(&ch, NOISE_RESPONDER, &p->fixed, NULL);
		peer_talk(p, fd, &ch);
		channel_fini(&ch);
	}
	close(fd);
}

static inline void *peer_run(void *context)
{
	struct peer *p = context;
	while (!p->stopping) {
		struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
		if (poll(&pfd, 1, 20) <= 0)
			continue;
		int fd = accept(p->fd, NULL, NULL);
		if (fd >= 0)
			peer_connection(p, fd);
	}
	return NULL;
}

/* --- life --- */

/* A host of the vendor with its own keys and ledger, by number; it listens on a free port. */
static inline struct peer *peer_start(const struct peer_vendor *vendor, uint8_t number)
{
	struct peer *p = calloc(1, sizeof(*p));
	uint8_t seed[crypto_sign_SEEDBYTES] = {'h', number};
	uint8_t fixed[NOISE_KEY] = {'f', number};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	assert_non_null(p);
	crypto_sign_seed_keypair(p->public, p->secret, seed);
	noise_pair_from(fixed, &p->fixed);
	p->vendor = vendor;
	p->ledger[0] = number;
	p->org = "fjord";
	p->now = PEER_NOW;
	p->nbf = PEER_NOW - 10 * PEER_DAY;
	p->exp = PEER_NOW + 1000 * PEER_DAY;
	p->lease_days = 180;
	p->renew_days = 7;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(p->fd, 16), 0);
	assert_int_equal(getsockname(p->fd, (struct sockaddr *)&at, &n), 0);
	p->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
	return p;
}

static inline void peer_stop(struct peer *p)
{
	p->stopping = true;
	pthread_join(p->thread, NULL);
	close(p->fd);
	free(p);
}

/* Its address as the option `host` has it. Returns out. */
static inline char *peer_at(const struct peer *p, char out[32])
{
	snprintf(out, 32, "127.0.0.1:%u", p->port);
	return out;
}

/* --- folders --- */

static char peer_folder_path[64];

static inline void peer_remove(const char *path)
{
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
		char *below = NULL;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (asprintf(&below, "%s/%s", path, e->d_name) >= 0 && unlink(below))
			peer_remove(below);
		free(below);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static inline void peer_remove_all(void)
{
	peer_remove(peer_folder_path);
}

/* A path in the program's own temporary folder, which is removed when the program ends. Returns out. */
static inline char *peer_path(const char *name, char out[256])
{
	if (!peer_folder_path[0]) {
		strcpy(peer_folder_path, "/tmp/muster-test-XXXXXX");
		assert_non_null(mkdtemp(peer_folder_path));
		atexit(peer_remove_all);
	}
	snprintf(out, 256, "%s/%s", peer_folder_path, name);
	return out;
}

static inline void peer_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

/* A product file of the vendor into FOLDER/NAME.product, and FOLDER/NAME.pub with its key. */
static inline void peer_product(const char *folder, const struct peer_vendor *v, const char *product,
				const char *name)
{
	struct product_file file = {.grace_days = 30, .prompt_days = 25};
	char path[512];
	char *token;
	char key[PASERK_PUBLIC_TEXT];
	mkdir(folder, 0755);
	peer_head(&file.head, v->public, PEER_NOW - 20 * PEER_DAY);
	snprintf(file.product.id, sizeof(file.product.id), "%s", product);
	snprintf(file.product.name, sizeof(file.product.name), "The %s", product);
	assert_int_equal(product_file_sign(&file, v->secret, &token), 0);
	snprintf(path, sizeof(path), "%s/%s.product", folder, name);
	assert_int_equal(token_save(&token_product, path, token, 0644), 0);
	free(token);
	paserk_public_write(v->public, key);
	snprintf(path, sizeof(path), "%s/%s.pub", folder, name);
	peer_write(path, key);
}

#endif
