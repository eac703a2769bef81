/* SPDX-License-Identifier: Apache-2.0 */
/* The public calls from end to end against in-process hosts: what users ask for, and which host is asked. */
#include "client_machine.h"
#include "hardware.h"

/* --- the usual --- */

static void activates(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	char path[512];
	struct stat st;
	(void)unused;
	one->have = one->need = 25;
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(muster_outcome_count(m), 1);
	assert_string_equal(muster_outcome_what(m, 0), "activated");
	assert_int_equal(muster_status(m, &s), 0);
	assert_int_equal(muster_status_count(s), 4);
	int i = muster_status_find(s, "acme-cad");
	assert_string_equal(muster_status_state(s, i), "licensed");
	assert_string_equal(muster_status_model(s, i), "volume");
	assert_string_equal(muster_status_org(s, i), "fjord");
	assert_string_equal(muster_status_name(s, i), "The acme-cad");
	assert_true(muster_status_expires(s, i) == PEER_NOW + 180 * PEER_DAY);
	assert_true(muster_status_renew_after(s, i) == PEER_NOW + 7 * PEER_DAY);
	assert_true(muster_status_have(s, i) == 25);
	assert_int_equal(muster_status_error_number(s, i), 0);
	assert_int_equal(muster_status_exit(s, i), 0);
	assert_int_equal(strlen(muster_status_device(s)), DEVICE_ID_TEXT - 1);
	muster_status_free(s);
	state_file(&dir, "leases/acme-cad.lease", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(one->connections, 1);
	/* Nothing to do: no host is asked. */
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(muster_outcome_what(m, 0), "licensed");
	assert_int_equal(one->connections, 1);
	/* The same machine, another process. */
	muster_free(m);
	m = machine(&dir, NULL, NULL);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	muster_free(m);
}

static void tells_who_it_is(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	const muster_v1_Activate *a = &one->last.call.activate;
	(void)unused;
	assert_int_equal(muster_set(m, "hostname", "pc-7.fjord.example"), 0);
	assert_int_equal(muster_set(m, "agent", "tester/1.0"), 0);
	assert_int_equal(muster_set(m, "plans", "render,modeler"), 0);
	assert_int_equal(muster_set(m, "product_version", "7.2"), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(one->last.which_call, muster_v1_Request_activate_tag);
	assert_string_equal(a->device.hostname, "pc-7.fjord.example");
	assert_string_equal(a->device.agent, "tester/1.0");
	assert_true(strncmp(a->device.os, "Linux ", 6) == 0);
	assert_string_equal(a->wants[0].version, "7.2");
	assert_int_equal(a->wants[0].plans_count, 2);
	assert_string_equal(a->wants[0].plans[0], "render");
	assert_int_equal(a->wants[0].lease_serial, 0);
	/* Another plan is another wish, so the host is asked; one that is held is not. */
	assert_int_equal(muster_set(m, "plans", "render"), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(one->requests, 1);
	assert_int_equal(muster_set(m, "plans", "viewer"), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(one->requests, 2);
	assert_int_equal(a->wants[0].lease_serial, 1);
	muster_free(m);
}

/* Tags of the machine's parts, under the host's salt and for each product its own; of the parts themselves
 * nothing. */
static void tells_its_parts(void **unused)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";
	struct machine_dir dir = {0};
	char root[256];
	char path[300];
	uint8_t salt[HARDWARE_SALT] = {1}; /* of the peer's certificate: its ledger */
	uint8_t own[HARDWARE_SALT];
	(void)unused;
	mkdir(peer_path("root", root), 0755);
	snprintf(path, sizeof(path), "%s/etc", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/etc/machine-id", root);
	peer_write(path, id);
	struct muster *m = machine(&dir, one, NULL);
	m->root = root;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	const wire_want *want = &one->last.call.activate.wants[0];
	assert_int_equal(want->components_count, 2); /* it, and which salt that is */
	assert_int_equal(want->components[0].kind, HARDWARE_MACHINE_ID);
	assert_int_equal(want->components[0].weight, 2);
	hardware_salt(salt, "fjord", "acme-cad", own);
	assert_int_equal(want->components[0].tag, hardware_tag(own, HARDWARE_MACHINE_ID, id));
	assert_int_equal(want->components[1].kind, HARDWARE_SCOPE);
	assert_int_equal(want->components[1].tag, hardware_tag(own, HARDWARE_SCOPE, ""));
	const wire_device *device = &one->last.call.activate.device;
	hardware_salt(salt, "fjord", "", own);
	assert_int_equal(device->components_count, 2);
	assert_int_equal(device->components[0].tag, hardware_tag(own, HARDWARE_MACHINE_ID, id));
	hardware_salt(salt, "fjord", "acme-cad", own);
	assert_null(memmem(&one->last, sizeof(one->last), id, 8));
	/* Each want of a renewal, and a sign-in. */
	expect(m, muster_activate(m, "acme-sim", 0), 0);
	expect(m, muster_renew(m, NULL, 0, 0), 0);
	const muster_v1_Renew *renew = &one->last.call.renew;
	assert_int_equal(renew->wants_count, 2);
	assert_int_equal(renew->wants[0].components[0].tag, hardware_tag(own, HARDWARE_MACHINE_ID, id));
	hardware_salt(salt, "fjord", "acme-sim", own);
	assert_int_equal(renew->wants[1].components[0].tag, hardware_tag(own, HARDWARE_MACHINE_ID, id));
	expect(m, muster_signin(m, "acme-sim", "anna", NULL, 0), 0);
	assert_int_equal(one->last.call.sign_in.want.components[0].tag,
			 hardware_tag(own, HARDWARE_MACHINE_ID, id));
	muster_free(m);
}

/* A wish that is refused is not repeated for ever, and does not cost the lease that is held. */
static void refused_wishes(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	one->refuse = "*";
	one->product_code = E_PLAN_UNKNOWN;
	assert_int_equal(muster_set(m, "plans", "nope"), 0);
	expect(m, muster_activate(m, "acme-cad", 0), E_PLAN_UNKNOWN);
	assert_int_equal(muster_set(m, "plans", NULL), 0);
	one->refuse = NULL;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(one->last.call.activate.wants[0].plans_count, 0);
	one->refuse = "*";
	assert_int_equal(muster_set(m, "plans", "nope"), 0);
	expect(m, muster_activate(m, "acme-cad", 0), E_PLAN_UNKNOWN);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	one->refuse = NULL;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_int_equal(one->last.call.renew.wants[0].plans_count, 0);
	muster_free(m);
}

static void threshold(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	long long value = 0;
	long long due = 0;
	(void)unused;
	one->refuse = "*";
	one->product_code = E_THRESHOLD_NOT_MET;
	one->have = 24;
	one->need = 25;
	expect(m, muster_activate(m, "acme-cad", 0), E_THRESHOLD_NOT_MET);
	assert_int_equal(muster_error_value(m, "have", &value), 1);
	assert_true(value == 24);
	assert_int_equal(muster_error_value(m, "need", &value), 1);
	assert_true(value == 25);
	assert_int_equal(muster_error_value(m, "used", &value), 0);
	assert_int_equal(muster_error_exit(m), 1);
	assert_string_equal(muster_error_correlation(m), "c-1");
	assert_int_equal(muster_status(m, &s), 0);
	int i = muster_status_find(s, "acme-cad");
	assert_string_equal(muster_status_state(s, i), "grace");
	assert_string_equal(muster_status_error_name(s, i), "THRESHOLD_NOT_MET");
	assert_int_equal(muster_status_error_value(s, i, "have", &value), 1);
	assert_true(value == 24);
	muster_status_free(s);
	/* The agent asks again by itself, at the retry interval and with activation. */
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_in_range(due, 6480, 7920);
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_int_equal(one->requests, 1);
	wall += due;
	one->refuse = NULL;
	one->have = 25;
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_int_equal(one->last.which_call, muster_v1_Request_activate_tag);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	muster_free(m);
}

/* Killed between the lease and its record: it is renewed like any other. */
static void a_lease_without_its_record(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	char path[PATH_MAX];
	char *before;
	size_t n;
	(void)unused;
	one->mode = PEER_SILENT;
	expect(m, muster_activate(m, "acme-cad", 300), E_NO_HOST);
	expect(m, muster_release(m, "acme-cad", 0), E_NOT_ACTIVATED);
	state_file(&dir, "state.json", path);
	assert_int_equal(file_read(path, 1 << 20, &before, &n), 0);
	one->mode = PEER_SERVE;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(file_replace(path, before, n, 0600), 0);
	free(before);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	wall += 8 * 86400;
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_int_equal(muster_outcome_count(m), 1);
	assert_int_equal(muster_status(m, &s), 0);
	assert_true(muster_status_expires(s, muster_status_find(s, "acme-cad")) > wall + 170 * 86400);
	muster_status_free(s);
	expect(m, muster_release(m, "acme-cad", 0), 0);
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_int_equal(muster_outcome_count(m), 0);
	muster_free(m);
}

static void renews(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	long long due = 0;
	(void)unused;
	expect(m, muster_renew(m, "acme-cad", 0, 0), E_NOT_ACTIVATED);
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_in_range(due, 7 * PEER_DAY * 9 / 10, 7 * PEER_DAY * 11 / 10);
	wall = one->now = PEER_NOW + due - 5;
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_int_equal(one->requests, 1);
	wall = one->now = PEER_NOW + due;
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_string_equal(muster_outcome_what(m, 0), "renewed");
	assert_int_equal(one->last.which_call, muster_v1_Request_renew_tag);
	assert_int_equal(one->last.call.renew.wants[0].lease_serial, 1);
	assert_true(expires_of(m, "acme-cad") == one->now + 180 * PEER_DAY);
	/* Asked for, it renews although it is not due. */
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_int_equal(one->requests, 3);
	assert_false(one->ratchet_wrong);
	muster_free(m);
}

static void runs_out(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	one->on_expiry = ON_EXPIRY_REDUCED;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	muster_free(m);
	m = machine(&dir, NULL, NULL);
	wall = PEER_NOW + 14 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "overdue");
	/* No host, but the lease holds: an activation is content. */
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	expect(m, muster_renew(m, "acme-cad", 0, 0), E_NO_HOST);
	assert_int_equal(muster_error_exit(m), 69);
	wall = PEER_NOW + 180 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "reduced");
	expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
	muster_free(m);
}

static void grace_ends(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, NULL, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	wall += 30 * PEER_DAY - 1;
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	wall += 1;
	assert_string_equal(state_of(m, "acme-cad"), "unlicensed");
	expect(m, muster_activate(m, "no-such", 0), E_NO_PRODUCT_FILE);
	muster_free(m);
}

static void releases(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, NULL, NULL);
	char at[32];
	(void)unused;
	expect(m, muster_release(m, "acme-cad", 0), E_NOT_ACTIVATED);
	assert_int_equal(muster_set(m, "host", peer_at(one, at)), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	/* Only the ledger that gave the lease can take it back. */
	assert_int_equal(muster_set(m, "host", NULL), 0);
	assert_int_equal(muster_set(m, "host", peer_at(two, at)), 0);
	expect(m, muster_release(m, "acme-cad", 0), E_NO_HOST);
	assert_non_null(strstr(muster_error_detail(m), "LEDGER_MISMATCH"));
	assert_int_equal(two->requests, 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_int_equal(muster_set(m, "host", peer_at(one, at)), 0);
	expect(m, muster_release(m, "acme-cad", 0), 0);
	assert_string_equal(muster_outcome_what(m, 0), "released");
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	expect(m, muster_release(m, "acme-cad", 0), E_NOT_ACTIVATED);
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_int_equal(muster_outcome_count(m), 0);
	muster_free(m);
}

/* A machine that goes for good gives everything back, and one host that refuses does not keep the rest. */
static void put_lease_back(const struct machine_dir *dir, const char *text)
{
	char path[512];
	state_file(dir, "leases/acme-cad.lease", path);
	peer_write(path, text);
}

/* A copy of the lease file, put back after the release, is no lease: not even once another is wished for. */
static void what_was_given_back_does_not_come_back(void **unused)
{
	struct machine_dir dir = {""};
	struct muster *m = machine(&dir, one, NULL);
	char path[512];
	char *text;
	size_t n;
	(void)unused;
	one->lease_days = one->renew_days = 0; /* perpetual */
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	state_file(&dir, "leases/acme-cad.lease", path);
	assert_int_equal(file_read(path, 1 << 20, &text, &n), 0);
	expect(m, muster_release(m, "acme-cad", 0), 0);
	assert_int_equal(access(path, F_OK), -1);
	put_lease_back(&dir, text);
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	wall += 40 * PEER_DAY;
	assert_string_equal(state_of(m, "acme-cad"), "unlicensed");
	muster_free(m);
	m = machine(&dir, NULL, NULL);
	expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
	assert_string_equal(state_of(m, "acme-cad"), "unlicensed");
	muster_free(m);
	m = machine(&dir, one, NULL);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	put_lease_back(&dir, text);
	assert_string_equal(state_of(m, "acme-cad"), "tampered");
	free(text);
	muster_free(m);
}

static void releases_all(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	long long due = 0;
	(void)unused;
	expect(m, muster_release(m, NULL, 0), 0);
	assert_int_equal(muster_outcome_count(m), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	expect(m, muster_activate(m, "acme-sim", 0), 0);
	one->refuse = "*";
	one->product_code = E_THRESHOLD_NOT_MET;
	expect(m, muster_activate(m, "acme-view", 0), E_THRESHOLD_NOT_MET);
	one->refuse = "acme-cad";
	one->product_code = E_DEVICE_BLOCKED;
	expect(m, muster_release(m, NULL, 0), E_DEVICE_BLOCKED);
	assert_int_equal(muster_outcome_count(m), 2);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_string_equal(state_of(m, "acme-sim"), "grace");
	one->refuse = NULL;
	expect(m, muster_release(m, NULL, 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	/* Nor is anything asked for that was only wished. */
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_true(due == -1);
	assert_false(one->ratchet_wrong);
	muster_free(m);
}

/* --- several products, several hosts --- */

static void several_products(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	expect(m, muster_activate(m, "acme-sim", 0), 0);
	/* One connection, one request; results are per product. */
	one->refuse = "acme-sim";
	one->product_code = E_GRANT_ENDED;
	int connections = one->connections;
	expect(m, muster_renew(m, NULL, 0, 0), E_GRANT_ENDED);
	assert_int_equal(one->connections, connections + 1);
	assert_int_equal(one->last.call.renew.wants_count, 2);
	assert_int_equal(muster_outcome_count(m), 2);
	assert_int_equal(muster_outcome_code(m, 0), 0);
	assert_int_equal(muster_outcome_code(m, 1), E_GRANT_ENDED);
	assert_string_equal(muster_outcome_product(m, 1), "acme-sim");
	assert_string_equal(state_of(m, "acme-sim"), "licensed");
	muster_free(m);
}

/* One product to renew and one that was refused so far: different calls, each with its own product. */
static void renewals_and_wishes(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	one->refuse = "*";
	one->product_code = E_THRESHOLD_NOT_MET;
	expect(m, muster_activate(m, "acme-sim", 0), E_THRESHOLD_NOT_MET);
	one->refuse = NULL;
	expect(m, muster_renew(m, NULL, 0, 0), 0);
	assert_int_equal(one->requests, 4);
	assert_string_equal(muster_outcome_what(m, 0), "renewed");
	assert_string_equal(muster_outcome_what(m, 1), "activated");
	assert_int_equal(one->last.which_call, muster_v1_Request_activate_tag);
	assert_int_equal(one->last.call.activate.wants_count, 1);
	assert_string_equal(one->last.call.activate.wants[0].product, "acme-sim");
	muster_free(m);
}

static void vendors_are_asked_apart(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, two);
	(void)unused;
	two->vendor = &other;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	expect(m, muster_activate(m, "zeta", 0), 0);
	assert_int_equal(one->requests, 1);
	assert_int_equal(two->requests, 1);
	expect(m, muster_renew(m, NULL, 0, 0), 0);
	assert_int_equal(one->requests, 2);
	assert_int_equal(two->requests, 2);
	assert_string_equal(two->last.call.renew.wants[0].product, "zeta");
	assert_int_equal(two->last.call.renew.wants_count, 1);
	muster_free(m);
}

/* Each way in which the first host is no use: the second one serves, and the step has the reason. */
static void goes_on_to_the_next_host(void **unused)
{
	static const struct {
		const char *what;
		enum peer_mode mode;
		int code;
		const char *result;
	} rows[] = {
		{"silence", PEER_SILENT, 0, "TIMEOUT"},
		{"garbage", PEER_GARBAGE, 0, "MALFORMED"},
		{"half a frame", PEER_HALF, 0, "TIMEOUT"},
		{"closed", PEER_CLOSE, 0, "CLOSED"},
		{"busy", PEER_REFUSE, E_BUSY, "BUSY"},
		{"stopping", PEER_REFUSE, E_STOPPING, "STOPPING"},
		{"newer", PEER_REFUSE, E_VERSION_UNSUPPORTED, "VERSION_UNSUPPORTED"},
		{"no answer", PEER_MUTE, 0, "TIMEOUT"},
		{"damaged", PEER_DAMAGE, 0, "HANDSHAKE_FAILED"},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_dir dir = {0};
		struct muster *m = machine(&dir, one, two);
		one->mode = rows[i].mode;
		one->code = rows[i].code;
		expect(m, muster_activate(m, "acme-cad", 1500), 0);
		assert_int_equal(muster_step_count(m), 2);
		assert_string_equal(muster_step_result(m, 0), rows[i].result);
		assert_string_equal(muster_step_result(m, 1), "OK");
		assert_string_equal(muster_step_source(m, 0), "host");
		assert_int_equal(muster_step_port(m, 1), two->port);
		muster_free(m);
		one->mode = PEER_SERVE;
		peer_stop(two); /* a new device for it */
		two = peer_start(&acme, 2);
	}
}

/* An untrusted host learns nothing: it never sees a request. */
static void rogues(void **unused)
{
	static const struct {
		int wrong;
		int code;
	} rows[] = {{1, E_HOST_UNTRUSTED},
		    {2, E_CERTIFICATE_EXPIRED},
		    {3, E_WRONG_HOST},
		    {4, E_UNKNOWN_VENDOR},
		    {5, E_NOT_YET_VALID}};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_dir dir = {0};
		struct muster *m = machine(&dir, one, NULL);
		char at[32];
		fresh(NULL);
		muster_set(m, "host", NULL);
		muster_set(m, "host", peer_at(one, at));
		one->vendor = rows[i].wrong == 1 ? &other : &acme;
		one->exp = rows[i].wrong == 2 ? PEER_NOW : one->exp;
		one->wrong_static = rows[i].wrong == 3;
		one->no_certificate = rows[i].wrong == 4;
		one->nbf = rows[i].wrong == 5 ? PEER_NOW + 2 * PEER_DAY : one->nbf;
		expect(m, muster_activate(m, "acme-cad", 0), E_NO_HOST);
		assert_non_null(strstr(muster_error_detail(m), error_name(rows[i].code)));
		assert_string_equal(muster_step_result(m, 0), error_name(rows[i].code));
		assert_int_equal(one->requests, 0);
		assert_int_equal(one->connections, 1);
		assert_string_equal(state_of(m, "acme-cad"), "grace");
		/* A good one beside it serves. */
		muster_set(m, "host", peer_at(two, at));
		expect(m, muster_activate(m, "acme-cad", 0), 0);
		assert_int_equal(one->requests, 0);
		muster_free(m);
	}
}

/* A refusal by a trusted host is final, unless it is about the host itself. */
static void refusals(void **unused)
{
	static const struct {
		int call_code, product_code;
		bool next;
		int alone; /* what is told when there is no other host */
	} rows[] = {
		{0, E_THRESHOLD_NOT_MET, false, E_THRESHOLD_NOT_MET},
		{0, E_QUANTITY_EXCEEDED, false, E_QUANTITY_EXCEEDED},
		{0, E_DEVICE_BLOCKED, false, E_DEVICE_BLOCKED},
		{0, E_PRODUCT_UNKNOWN, true, E_PRODUCT_UNKNOWN},
		{E_DEVICE_BLOCKED, 0, false, E_DEVICE_BLOCKED},
		{E_ENROL_LIMIT, 0, false, E_ENROL_LIMIT},
		{E_BUSY, 0, true, E_BUSY},
		{E_STORE_FULL, 0, true, E_STORE_FULL},
		{-4242, 0, true, E_INTERNAL}, /* of a newer version */
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_dir alone = {0};
		struct machine_dir both = {0};
		fresh(NULL);
		one->call_code = rows[i].call_code;
		one->product_code = rows[i].product_code;
		one->refuse = rows[i].product_code ? "*" : NULL;
		struct muster *m = machine(&alone, one, NULL);
		expect(m, muster_activate(m, "acme-cad", 0), rows[i].alone);
		muster_free(m);
		one->done = 0; /* the next one is another device */
		one->counter = 0;
		m = machine(&both, one, two);
		expect(m, muster_activate(m, "acme-cad", 0), rows[i].next ? 0 : rows[i].alone);
		assert_int_equal(two->requests, rows[i].next);
		muster_free(m);
	}
}

static void all_busy(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	long long due = 0;
	(void)unused;
	assert_int_equal(muster_set(m, "host", "127.0.0.1:1"), 0);
	one->mode = PEER_REFUSE;
	one->code = E_BUSY;
	expect(m, muster_activate(m, "acme-cad", 0), E_BUSY);
	assert_int_equal(muster_error_exit(m), 75);
	assert_int_equal(muster_error_retry_after(m), 60);
	assert_non_null(strstr(muster_error_detail(m), "127.0.0.1:1: CONNECT_FAILED"));
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_in_range(due, 50, 70);
	muster_free(m);
}

/* --- new host, locks, where --- */

static void new_host_is_asked_to_activate(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	muster_free(m);
	m = machine(&dir, two, NULL);
	two->refuse = "*";
	two->product_code = E_NOT_ACTIVATED;
	expect(m, muster_renew(m, "acme-cad", 0, 0), E_NOT_ACTIVATED);
	assert_int_equal(two->requests, 2);
	assert_int_equal(two->last.which_call, muster_v1_Request_activate_tag);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	muster_free(m);
}

static void busy_directory(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct fault f;
	int fd;
	(void)unused;
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	assert_int_equal(folder_lock(dir.path, deadline_in(100, NULL), &fd, &f), 0);
	expect(m, muster_activate(m, "acme-cad", 200), E_STATE_LOCKED);
	assert_int_equal(muster_error_exit(m), 75);
	/* Looking needs no lock. */
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	folder_unlock(fd);
	expect(m, muster_activate(m, "acme-cad", 200), 0);
	muster_free(m);
}

/* A product that there is not is never licensed, whoever forgets to look at the index. */
static void nothing_is_unlicensed(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	struct muster_status *s;
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(muster_status(m, &s), 0);
	assert_int_equal(muster_status_find(s, "nothing"), -1);
	assert_int_equal(muster_status_find(s, NULL), -1);
	for (int index = -1; index < 100; index += 100) {
		assert_string_equal(muster_status_state(s, index), "unlicensed");
		assert_int_equal(muster_status_exit(s, index), 3);
		assert_string_equal(muster_status_product(s, index), "");
	}
	muster_status_free(s);
	muster_free(m);
}

/* Where NULL means nothing it is an empty text. */
static void null_is_empty(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	const char *text;
	(void)unused;
	expect(m, muster_activate(m, NULL, 0), E_NO_PRODUCT_FILE);
	expect(m, muster_signin(m, NULL, "ada", NULL, 0), E_NO_PRODUCT_FILE);
	expect(m, muster_reset(m, NULL, 0, 0), E_NO_PRODUCT_FILE);
	expect(m, muster_reset_undo(m, NULL, NULL, 0), E_NO_PRODUCT_FILE);
	expect(m, muster_set(m, NULL, NULL), E_CONFIG_INVALID);
	expect(m, muster_request(m, NULL, NULL, &text), E_NO_PRODUCT_FILE);
	expect(m, muster_import(m, NULL), E_ARMOUR_INVALID);
	expect(m, muster_bundle(m, NULL, NULL, &text), E_ARMOUR_INVALID);
	expect(m, muster_installation_id(m, NULL, &text), E_VOICE_OFF);
	expect(m, muster_confirm(m, NULL), E_VOICE_OFF);
	assert_int_equal(muster_explain(NULL, NULL, NULL, NULL, NULL), 0);
	muster_cancel(NULL);
	muster_free(NULL);
	assert_int_equal(one->connections, 0);
	muster_free(m);
}

static void where_reveals_nothing(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, NULL, one);
	(void)unused;
	two->vendor = &other;
	char at[32];
	assert_int_equal(muster_set(m, "host", peer_at(two, at)), 0);
	/* The second vendor's host serves only zeta: each vendor has its own walk. */
	expect(m, muster_where(m, 0), 0);
	assert_int_equal(muster_step_count(m), 6);
	assert_string_equal(muster_step_result(m, 0), "CONNECT_FAILED");
	int ok = 0;
	int untrusted = 0;
	for (int i = 0; i < 6; i++) {
		ok += strcmp(muster_step_result(m, i), "OK") == 0;
		untrusted += strcmp(muster_step_result(m, i), "HOST_UNTRUSTED") == 0;
	}
	assert_int_equal(ok, 2);
	assert_int_equal(untrusted, 2);
	assert_int_equal(one->requests + two->requests, 0);
	/* And the state directory was not made. */
	assert_int_equal(access(dir.path, F_OK), -1);
	one->mode = two->mode = PEER_CLOSE;
	expect(m, muster_where(m, 0), E_NO_HOST);
	muster_free(m);
}

static void odd_arguments(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	int n = 0;
	int repeatable = 0;
	(void)unused;
	expect(m, muster_set(m, "no-such", "x"), E_CONFIG_INVALID);
	expect(m, muster_activate(m, "../../etc/passwd", 0), E_NO_PRODUCT_FILE);
	expect(m, muster_activate(m, "", 0), E_NO_PRODUCT_FILE);
	assert_string_equal(muster_outcome_product(m, 7), "");
	assert_string_equal(muster_step_result(m, -1), "OK");
	assert_string_equal(muster_step_source(m, 99), "");
	while (muster_option(n, &repeatable))
		n++;
	assert_int_equal(n, OPTION_COUNT);
	muster_free(NULL);
	muster_status_free(NULL);
	const char *name = NULL;
	assert_int_equal(muster_explain("41", &name, NULL, NULL, NULL), 41);
	assert_string_equal(name, "THRESHOLD_NOT_MET");
	assert_int_equal(muster_explain("BUSY", NULL, NULL, NULL, NULL), 3);
	assert_int_equal(muster_explain("busy", NULL, NULL, NULL, NULL), 3);
	assert_int_equal(muster_explain("-3", NULL, NULL, NULL, NULL), 3);
	assert_int_equal(muster_explain("0", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(muster_explain("4x", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(muster_explain("", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(muster_explain("99999999999999999999", NULL, NULL, NULL, NULL), 0);
	muster_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(activates),
		TEST(tells_who_it_is),
		TEST(tells_its_parts),
		TEST(refused_wishes),
		TEST(threshold),
		TEST(renews),
		TEST(a_lease_without_its_record),
		TEST(runs_out),
		TEST(grace_ends),
		TEST(releases),
		TEST(what_was_given_back_does_not_come_back),
		TEST(releases_all),
		TEST(several_products),
		TEST(renewals_and_wishes),
		TEST(vendors_are_asked_apart),
		TEST(goes_on_to_the_next_host),
		TEST(rogues),
		TEST(refusals),
		TEST(all_busy),
		TEST(nothing_is_unlicensed),
		TEST(null_is_empty),
		TEST(new_host_is_asked_to_activate),
		TEST(busy_directory),
		TEST(where_reveals_nothing),
		TEST(odd_arguments),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
