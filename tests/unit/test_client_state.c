/* SPDX-License-Identifier: Apache-2.0 */
/* The state file: round trip, every way of changing it, crashes while it is written, and the lock between
 * processes. */
#include "client_peer.h"
#include "device.h"
#include "file.h"
#include "folder.h"
#include "state.h"
#include "trust.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static struct device *device;
static const struct parts none_known;
static const struct boot up = {.id = "boot", .seconds = 5};
static char folder[256];

/* A state in which every member has a value. */
static void fill(struct state *s)
{
	uint8_t id[LEDGER_ID] = {1, 2, 3};
	memset(s, 0, sizeof(*s));
	state_mark(s, PEER_NOW, &up);
	s->tampered = 5;
	struct pin *pin = state_pin(s, "k4.pid.vendor");
	strcpy(pin->org, "fjord");
	assert_int_equal(endpoint_read("[::1]:7000", &pin->host.host), 0);
	strcpy(pin->host.address, "::1");
	struct ledger *l = state_ledger(s, id);
	l->ratchet_n = RATCHET_MAX;
	memset(l->ratchet, 9, RATCHET_MAX);
	l->counter = INT64_MAX;
	l->used = PEER_NOW;
	l->pending = true;
	memset(l->token, 7, TOKEN_ID);
	l->call = (struct call){.kind = CALL_RENEW, .n = 2};
	strcpy(l->call.wants[0].product, "acme-cad");
	strcpy(l->call.wants[0].version, "7.1");
	strcpy(l->call.wants[0].plans[0], "render");
	l->call.wants[0].n_plans = 1;
	l->call.wants[0].serial = 12;
	strcpy(l->call.wants[0].user, "anna");
	strcpy(l->call.wants[0].key, "346789ABCDEFGHJKMNPQRTVWX");
	l->call.wants[0].reinstalled = true;
	strcpy(l->call.wants[1].product, "acme-sim");
	strcpy(l->call.secret, "WHQPMNT346789ABC");
	struct record *r = state_need(s, "acme-cad", "k4.pid.vendor");
	r->first_call = PEER_NOW - 1;
	r->wanted = true;
	strcpy(r->user, "j\xc3\xb8rgen@fjord.example");
	strcpy(r->version, "7.1");
	strcpy(r->plans[0], "render");
	r->n_plans = 1;
	r->serial = 12;
	r->stored = PEER_NOW;
	strcpy(r->host, "[::1]:7000");
	r->retry_minutes = 60;
	r->count = (struct numbers){.have = 25, .need = 25};
	r->tried = PEER_NOW;
	r->failures = 3;
	r->refusal = (struct refusal){.code = E_QUANTITY_EXCEEDED,
				      .numbers = {.used = 5, .quantity = 5, .until = PEER_NOW},
				      .retry_after = 77,
				      .answered = true,
				      .detail = "pc-1, pc-2"};
}

static char *text_of(const struct state *s)
{
	char *text;
	assert_int_equal(state_write(s, device->mac_key, &text), 0);
	return text;
}

static void round_trip(void **unused)
{
	struct state *s = malloc(sizeof(*s));
	struct state *again = malloc(sizeof(*again));
	(void)unused;
	fill(s);
	char *text = text_of(s);
	assert_int_equal(state_read(text, strlen(text), device->mac_key, again), 0);
	assert_memory_equal(s, again, sizeof(*s));
	free(text);
	memset(s, 0, sizeof(*s));
	text = text_of(s);
	assert_int_equal(state_read(text, strlen(text), device->mac_key, again), 0);
	assert_memory_equal(s, again, sizeof(*s));
	free(text);
	free(s);
	free(again);
}

/* Files from before there were users: what they do not have is empty, and is not written either. */
static void older_files(void **unused)
{
	static const char *const members[] = {"user", "secret", "key", "reinstalled", "detail"};
	struct state *s = malloc(sizeof(*s));
	struct state *again = malloc(sizeof(*again));
	(void)unused;
	fill(s);
	struct want *want = &s->ledgers[0].call.wants[0];
	want->reinstalled = false;
	memset(want->user, 0, sizeof(want->user));
	memset(want->key, 0, sizeof(want->key));
	memset(s->ledgers[0].call.secret, 0, sizeof(s->ledgers[0].call.secret));
	memset(s->records[0].user, 0, sizeof(s->records[0].user));
	memset(s->records[0].refusal.detail, 0, sizeof(s->records[0].refusal.detail));
	char *text = text_of(s);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		char quoted[32];
		snprintf(quoted, sizeof(quoted), "\"%s\"", members[i]);
		assert_null(strstr(text, quoted));
	}
	assert_int_equal(state_read(text, strlen(text), device->mac_key, again), 0);
	assert_memory_equal(s, again, sizeof(*s));
	free(text);
	free(s);
	free(again);
}

/* Every kind of call that may wait for its answer, and one that may not. */
static void kinds_of_calls(void **unused)
{
	struct state *s = malloc(sizeof(*s));
	struct state *again = malloc(sizeof(*again));
	(void)unused;
	for (int kind = 0; kind < CALL_KINDS; kind++) {
		fill(s);
		s->ledgers[0].call.kind = (enum call_kind)kind;
		char *text = text_of(s);
		int error = state_read(text, strlen(text), device->mac_key, again);
		assert_int_equal(error, kind == CALL_PREFLIGHT ? E_STATE_TAMPERED : 0);
		if (!error)
			assert_memory_equal(s, again, sizeof(*s));
		free(text);
		/* Only a sign-out may be from every product. */
		memset(s->ledgers[0].call.wants[0].product, 0, sizeof(s->ledgers[0].call.wants[0].product));
		text = text_of(s);
		error = state_read(text, strlen(text), device->mac_key, again);
		assert_int_equal(error, kind == CALL_SIGN_OUT ? 0 : E_STATE_TAMPERED);
		free(text);
	}
	free(s);
	free(again);
}

/* A repeat asks for the same in every respect but the serial. */
static void same_calls(void **unused)
{
	struct call *a = calloc(1, sizeof(*a));
	struct call *b = calloc(1, sizeof(*b));
	(void)unused;
	a->n = 1;
	a->kind = CALL_SIGN_IN;
	strcpy(a->wants[0].product, "acme-cad");
	strcpy(a->wants[0].user, "anna");
	strcpy(a->wants[0].key, "K");
	strcpy(a->secret, "S");
	*b = *a;
	b->wants[0].serial = 7;
	assert_true(call_same(a, b));
	b->secret[0] = 'T';
	assert_false(call_same(a, b));
	*b = *a;
	b->wants[0].user[0] = 'A';
	assert_false(call_same(a, b));
	*b = *a;
	b->wants[0].key[0] = 0;
	assert_false(call_same(a, b));
	*b = *a;
	b->wants[0].reinstalled = true;
	assert_false(call_same(a, b));
	*b = *a;
	b->kind = CALL_REDEEM;
	assert_false(call_same(a, b));
	free(a);
	free(b);
}

/* What a reset forgets, and what it must not: the first grace never begins anew. */
static void cleared_record(void **unused)
{
	struct state *s = malloc(sizeof(*s));
	struct record want = {.first_call = PEER_NOW - 1, .stored = PEER_NOW, .retry_minutes = 60};
	(void)unused;
	fill(s);
	strcpy(want.product, "acme-cad");
	strcpy(want.vendor, "k4.pid.vendor");
	strcpy(want.host, "[::1]:7000");
	record_clear(&s->records[0]);
	assert_memory_equal(&s->records[0], &want, sizeof(want));
	free(s);
}

/* Each bit turned, each length cut: refused, or (a blank for another blank) the same state. */
static void every_change_is_seen(void **unused)
{
	struct state *s = malloc(sizeof(*s));
	struct state *again = malloc(sizeof(*again));
	size_t same = 0;
	(void)unused;
	fill(s);
	char *text = text_of(s);
	size_t n = strlen(text);
	for (size_t i = 0; i < 8 * n; i++) {
		text[i / 8] ^= (char)(1 << i % 8);
		int error = state_read(text, n, device->mac_key, again);
		text[i / 8] ^= (char)(1 << i % 8);
		if (error == 0) {
			assert_memory_equal(s, again, sizeof(*s));
			same++;
		} else {
			assert_int_equal(error, E_STATE_TAMPERED);
		}
	}
	assert_true(same < n / 2);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(state_read(text, i, device->mac_key, again), E_STATE_TAMPERED);
	free(text);
	free(s);
	free(again);
}

static void other_readings_are_refused(void **unused)
{
	static const char *const rows[] = {
		"",
		"{}",
		"[]",
		"null",
		"{\"mac\":1}",
		"{\"mac\":\"\"}",
		"{\"schema\":1,\"mac\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"};
	struct state *s = malloc(sizeof(*s));
	struct state *again = malloc(sizeof(*again));
	uint8_t other[DEVICE_MAC_KEY] = {1};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(state_read(rows[i], strlen(rows[i]), device->mac_key, again),
				 E_STATE_TAMPERED);
	fill(s);
	char *text = text_of(s);
	assert_int_equal(state_read(text, strlen(text), other, again), E_STATE_TAMPERED);
	/* A second member of the same name, which one reader may see and another not. */
	size_t room = strlen(text) + 32;
	char *doubled = malloc(room);
	snprintf(doubled, room, "{\"mark\": 1,%s", text + 1);
	assert_int_equal(state_read(doubled, strlen(doubled), device->mac_key, again), E_STATE_TAMPERED);
	free(doubled);
	free(text);
	free(s);
	free(again);
}

/* Killed at any moment while it saves, there is always one whole state. */
static void survives_kill(void **unused)
{
	struct state *s = calloc(1, sizeof(*s));
	struct fault f;
	(void)unused;
	assert_int_equal(state_save(folder, device, s, &f), 0);
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		if (child == 0) {
			for (int64_t mark = 1;; mark++) {
				s->mark = mark;
				if (state_save(folder, device, s, &f))
					_exit(1);
			}
		}
		usleep((useconds_t)(1000 + 700 * i));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_int_equal(state_load(folder, device, 0, s, &f), 0);
	}
	assert_true(s->mark > 0);
	free(s);
}

static void file_must_be_private(void **unused)
{
	struct state *s = calloc(1, sizeof(*s));
	struct fault f;
	char path[512];
	struct stat st;
	(void)unused;
	assert_int_equal(state_save(folder, device, s, &f), 0);
	snprintf(path, sizeof(path), "%s/state.json", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(state_load(folder, device, 0, s, &f), E_INSECURE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_int_equal(state_load(folder, device, 0, s, &f), E_INSECURE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(state_load(folder, device, 0, s, &f), 0);
	free(s);
}

static void device_key(void **unused)
{
	struct device *again;
	struct device *other;
	struct fault f;
	char path[256];
	char key[512];
	struct stat st;
	(void)unused;
	assert_int_equal(device_load(folder, &again, &f), 0);
	assert_memory_equal(again, device, sizeof(*device));
	device_free(again);
	peer_path("elsewhere", path);
	assert_int_equal(device_load(path, &again, &f), E_NOT_FOUND);
	assert_int_equal(folder_make(path, &f), 0);
	assert_int_equal(device_make(path, &none_known, NULL, &other, &f), 0);
	assert_memory_not_equal(other->id, device->id, DEVICE_ID);
	assert_true(device_seed(device, "a") != device_seed(other, "a"));
	assert_true(device_seed(device, "a") != device_seed(device, "b"));
	device_free(other);
	snprintf(key, sizeof(key), "%s/device.key", path);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(chmod(key, 0640), 0);
	assert_int_equal(device_load(path, &again, &f), E_INSECURE);
	assert_int_equal(chmod(key, 0600), 0);
	for (off_t n = 0; n < st.st_size; n++) {
		char *text;
		size_t size;
		assert_int_equal(file_read(key, 4096, &text, &size), 0);
		assert_int_equal(truncate(key, n), 0);
		assert_int_equal(device_load(path, &again, &f), E_STATE_TAMPERED);
		FILE *file = fopen(key, "wb");
		assert_int_equal(fwrite(text, 1, size, file), size);
		fclose(file);
		free(text);
	}
	assert_int_equal(device_load(path, &again, &f), 0);
	device_free(again);
}

static void folders(void **unused)
{
	struct fault f;
	char path[256];
	char deep[512];
	struct stat st;
	(void)unused;
	peer_path("made", path);
	snprintf(deep, sizeof(deep), "%s/a/b", path);
	assert_int_equal(folder_make(deep, &f), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(chmod(deep, 0770), 0);
	assert_int_equal(folder_make(deep, &f), E_INSECURE);
	assert_int_equal(chmod(deep, 0702), 0);
	assert_int_equal(folder_make(deep, &f), E_INSECURE);
	assert_int_equal(chmod(deep, 0755), 0);
	assert_int_equal(folder_make(deep, &f), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(deep, 12345, 12345), 0);
		assert_int_equal(folder_make(deep, &f), E_INSECURE);
	}
	snprintf(deep, sizeof(deep), "%s/file", path);
	peer_write(deep, "x");
	assert_int_equal(folder_make(deep, &f), E_CANNOT_CREATE);
	snprintf(deep, sizeof(deep), "%s/file/below", path);
	assert_int_equal(folder_make(deep, &f), E_IO);
}

static void one_at_a_time(void **unused)
{
	struct fault f;
	int fd;
	int other;
	int pipe_fds[2];
	char byte;
	(void)unused;
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t child = fork();
	if (child == 0) {
		if (folder_lock(folder, deadline_in(1000, NULL), &fd, &f))
			_exit(1);
		(void)!write(pipe_fds[1], "x", 1);
		usleep(300000);
		_exit(0);
	}
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	assert_int_equal(folder_lock(folder, deadline_in(50, NULL), &other, &f), E_STATE_LOCKED);
	/* And it is free when its holder ends, however that was. */
	assert_int_equal(folder_lock(folder, deadline_in(3000, NULL), &other, &f), 0);
	folder_unlock(other);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void tables_are_bounded(void **unused)
{
	struct state *s = calloc(1, sizeof(*s));
	char name[32];
	(void)unused;
	for (int i = 0; i < STATE_RECORDS; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		assert_non_null(state_need(s, name, "v"));
	}
	assert_null(state_need(s, "one-more", "v"));
	assert_non_null(state_need(s, "p0", "v"));
	for (uint8_t i = 0; i < 100; i++) {
		uint8_t id[LEDGER_ID] = {i};
		struct ledger *l = state_ledger(s, id);
		assert_int_equal(l->id[0], i);
		assert_int_equal(l->counter, 0);
		l->counter = 1;
		l->used = i + 1;
	}
	/* The ones used last are still there. */
	uint8_t last[LEDGER_ID] = {99 - STATE_LEDGERS + 1};
	assert_int_equal(state_ledger(s, last)->counter, 1);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		state_pin(s, name)->org[0] = 'x';
	}
	/* Those of as many vendors as may be trusted at once are there, whichever of them is looked at first.
	 */
	for (int i = 100 - TRUST_KEYS; i < 100; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		assert_int_equal(state_pin(s, name)->org[0], 'x');
	}
	free(s);
}

static int start(void **unused)
{
	struct fault f;
	(void)unused;
	assert_true(sodium_init() >= 0);
	assert_int_equal(folder_make(peer_path("state", folder), &f), 0);
	return device_make(folder, &none_known, NULL, &device, &f);
}

static int stop(void **unused)
{
	(void)unused;
	device_free(device);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(older_files),
		cmocka_unit_test(kinds_of_calls),
		cmocka_unit_test(same_calls),
		cmocka_unit_test(cleared_record),
		cmocka_unit_test(every_change_is_seen),
		cmocka_unit_test(other_readings_are_refused),
		cmocka_unit_test(survives_kill),
		cmocka_unit_test(file_must_be_private),
		cmocka_unit_test(device_key),
		cmocka_unit_test(folders),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(tables_are_bounded),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
