/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reset of a product: its order, a failure and a kill at each step, and its undo. The machine begins with
 * a user's lease, as a change from users to devices has it.
 */
#include "client_machine.h"

#include <signal.h>
#include <sys/wait.h>

#define ANNA "anna@fjord.example"

static struct machine_dir dir;
static struct muster *m;
static char lease_path[512];
static char state_path[512];
static pid_t victim; /* is killed by a hook */
static int kill_at;  /* when the host has got so many requests */
static pb_size_t calls[16];
static int n_calls;

/* Which calls came, in their order; and the kill. */
static void note_call(struct peer *p)
{
	if (n_calls < 16)
		calls[n_calls++] = p->last.which_call;
	if (victim && n_calls == kill_at)
		kill(victim, SIGKILL);
}

static int users(void **unused)
{
	fresh(unused);
	one->model = MODEL_USER;
	memset(&dir, 0, sizeof(dir));
	m = machine(&dir, one, NULL);
	state_file(&dir, "leases/acme-cad.lease", lease_path);
	state_file(&dir, "state.json", state_path);
	assert_int_equal(muster_set(m, "plans", "render"), 0);
	expect(m, muster_signin(m, "acme-cad", ANNA, NULL, 0), 0);
	assert_int_equal(muster_set(m, "plans", NULL), 0);
	one->hook = note_call;
	n_calls = 0;
	victim = 0;
	return 0;
}

static int done(void **unused)
{
	(void)unused;
	muster_free(m);
	return 0;
}

static char *content(const char *path)
{
	char *text;
	size_t n;
	return file_read(path, 1 << 20, &text, &n) ? NULL : text;
}

static void expect_calls(size_t n, const pb_size_t *wanted)
{
	assert_int_equal(n_calls, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(calls[i], wanted[i]);
}

#define CALLS(...)                                                                                           \
	expect_calls(sizeof((pb_size_t[]){__VA_ARGS__}) / sizeof(pb_size_t), (pb_size_t[]){__VA_ARGS__})
#define ACTIVATE muster_v1_Request_activate_tag
#define SIGN_OUT muster_v1_Request_sign_out_tag
#define RELEASE muster_v1_Request_release_tag

/* "done,done,failed,..." */
static const char *results(void)
{
	static char out[256];
	out[0] = 0;
	for (int i = 0; i < muster_reset_count(m); i++) {
		strcat(out, i ? "," : "");
		strcat(out, muster_reset_result(m, i));
	}
	return out;
}

static void is_the_devices(void)
{
	struct muster_status *s;
	assert_int_equal(muster_status(m, &s), 0);
	int i = muster_status_find(s, "acme-cad");
	assert_string_equal(muster_status_state(s, i), "licensed");
	assert_string_equal(muster_status_user(s, i), "");
	muster_status_free(s);
	assert_false(one->ratchet_wrong);
}

static void in_order(void **unused)
{
	char file[512];
	(void)unused;
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	assert_string_equal(results(), "done,done,done,done,done,done");
	assert_string_equal(muster_outcome_what(m, 0), "activated");
	snprintf(file, sizeof(file), "%s/undo/acme-cad-20270115T080000Z.json", dir.path);
	assert_string_equal(muster_reset_file(m), file);
	struct stat st;
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	CALLS(ACTIVATE, SIGN_OUT, ACTIVATE);
	assert_int_equal(one->asked, 1);
	const wire_want *want = &one->last.call.activate.wants[0];
	assert_string_equal(want->user, "");
	assert_int_equal(want->plans_count, 0);
	assert_int_equal(want->lease_serial, 0);
	is_the_devices();
	/* Again it does the same with what is the device's. */
	n_calls = 0;
	wall++;
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	CALLS(ACTIVATE, RELEASE, ACTIVATE);
	is_the_devices();
}

/* Nothing was ever held: it is an activation that was asked for before. */
static void of_nothing(void **unused)
{
	(void)unused;
	n_calls = 0;
	expect(m, muster_reset(m, "acme-sim", 0, 0), 0);
	assert_string_equal(results(), "done,nothing to do,nothing to do,nothing to do,nothing to do,done");
	CALLS(ACTIVATE, ACTIVATE);
	assert_string_equal(muster_reset_file(m), "");
	assert_string_equal(state_of(m, "acme-sim"), "licensed");
	expect(m, muster_reset(m, "no-such", 0, 0), E_NO_PRODUCT_FILE);
	assert_int_equal(muster_reset_count(m), 0);
}

static void unchanged(const char *state, const char *lease)
{
	char *text = content(state_path);
	assert_string_equal(text, state);
	free(text);
	text = content(lease_path);
	assert_string_equal(text, lease);
	free(text);
}

/* A dry run, and a preflight that says no, change nothing here and count nothing there. */
static void only_asks(void **unused)
{
	char *state = content(state_path);
	char *lease = content(lease_path);
	long long value = 0;
	char path[512];
	(void)unused;
	expect(m, muster_reset(m, "acme-cad", 1, 0), 0);
	assert_string_equal(results(), "done,to do,to do,to do,to do,to do");
	assert_string_equal(muster_outcome_what(m, 0), "possible");
	assert_true(one->last.call.activate.dry_run && one->last.call.activate.reset);
	assert_string_equal(one->last.call.activate.wants[0].user, "");
	assert_int_equal(one->last.call.activate.wants[0].lease_serial, 0);
	CALLS(ACTIVATE);
	unchanged(state, lease);
	one->refuse = "*";
	one->product_code = E_SEATS_EXHAUSTED;
	one->used = one->quantity = 20;
	one->detail = "of cad-seats";
	for (int dry = 0; dry < 2; dry++) {
		expect(m, muster_reset(m, "acme-cad", dry, 0), E_SEATS_EXHAUSTED);
		assert_string_equal(results(), "failed,to do,to do,to do,to do,to do");
		assert_string_equal(muster_error_detail(m), "of cad-seats");
		assert_int_equal(muster_error_value(m, "used", &value), 1);
		assert_true(value == 20);
		unchanged(state, lease);
	}
	assert_int_equal(one->asked, 3);
	assert_int_equal(one->done, 1);
	state_file(&dir, "undo", path);
	assert_int_equal(access(path, F_OK), -1);
	/* The next call goes on where the last real one ended. */
	one->refuse = NULL;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_false(one->ratchet_wrong);
	free(state);
	free(lease);
}

/* A host that does not know what it is asked, and activates: nothing is taken from it. */
static int64_t counted;
static void mishear(struct peer *p)
{
	p->last.call.activate.dry_run = false;
	counted++;
}

static void host_that_counts(void **unused)
{
	char *state = content(state_path);
	char *lease = content(lease_path);
	(void)unused;
	one->hook = mishear;
	expect(m, muster_reset(m, "acme-cad", 0, 0), E_NO_HOST);
	assert_non_null(strstr(muster_error_detail(m), "MALFORMED"));
	assert_true(counted > 0);
	unchanged(state, lease);
	free(state);
	free(lease);
}

static void no_host(void **unused)
{
	char *state = content(state_path);
	char *lease = content(lease_path);
	(void)unused;
	one->mode = PEER_CLOSE;
	expect(m, muster_reset(m, "acme-cad", 0, 0), E_NO_HOST);
	unchanged(state, lease);
	one->mode = PEER_SERVE;
	one->vendor = &other;
	expect(m, muster_reset(m, "acme-cad", 0, 0), E_NO_HOST);
	assert_non_null(strstr(muster_error_detail(m), "HOST_UNTRUSTED"));
	unchanged(state, lease);
	assert_int_equal(n_calls, 0);
	free(state);
	free(lease);
}

/* --- a failure at each step --- */

static void undo_cannot_be_written(void **unused)
{
	char path[512];
	(void)unused;
	state_file(&dir, "undo", path);
	peer_write(path, "in the way");
	expect(m, muster_reset(m, "acme-cad", 0, 0), E_CANNOT_CREATE);
	assert_string_equal(results(), "done,failed,to do,to do,to do,to do");
	CALLS(ACTIVATE);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_int_equal(unlink(path), 0);
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	is_the_devices();
}

static void host_keeps_it(void **unused)
{
	(void)unused;
	one->refuse = "*";
	one->refuse_tag = SIGN_OUT;
	one->product_code = E_DEVICE_BLOCKED;
	expect(m, muster_reset(m, "acme-cad", 0, 0), E_DEVICE_BLOCKED);
	assert_string_equal(results(), "done,done,failed,to do,to do,to do");
	CALLS(ACTIVATE, SIGN_OUT);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	one->refuse = NULL;
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	is_the_devices();
}

/* While the host answers the sign-out, a folder takes the place of this file. */
static const char *blocked;
static void block(struct peer *p)
{
	char below[600];
	note_call(p);
	if (p->last.which_call != SIGN_OUT)
		return;
	unlink(blocked);
	snprintf(below, sizeof(below), "%s/x", blocked);
	mkdir(blocked, 0700);
	mkdir(below, 0700);
}

static void lease_cannot_be_removed(void **unused)
{
	char *lease = content(lease_path);
	(void)unused;
	blocked = lease_path;
	one->hook = block;
	expect(m, muster_reset(m, "acme-cad", 0, 0), E_IO);
	assert_string_equal(results(), "done,done,failed,to do,to do,to do");
	one->hook = note_call;
	peer_remove(lease_path);
	peer_write(lease_path, lease);
	/* The host has done it: the same call again, and the same answer. */
	n_calls = 0;
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	CALLS(ACTIVATE, SIGN_OUT, ACTIVATE);
	assert_int_equal(one->repeats, 1);
	is_the_devices();
	free(lease);
}

/* The state cannot be written when the answer is there: as if the power had failed just then. */
static void state_cannot_be_written(void **unused)
{
	(void)unused;
	one->watch = state_path;
	blocked = state_path;
	one->hook = block;
	int error = muster_reset(m, "acme-cad", 0, 0);
	assert_true(error == E_IO || error == E_CANNOT_CREATE);
	assert_string_equal(results(), "done,done,failed,to do,to do,to do");
	one->watch = NULL;
	one->hook = note_call;
	peer_remove(state_path);
	peer_write(state_path, one->watched);
	chmod(state_path, 0600);
	free(one->watched);
	/* The lease is gone, and the state still has it: it was being given back. */
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	assert_int_equal(one->repeats, 1);
	is_the_devices();
}

/* Only the activation does not come about: the undo file is named, and the agent goes on trying. */
static void refuse_activation(struct peer *p)
{
	note_call(p);
	p->refuse = p->last.which_call == ACTIVATE && !p->last.call.activate.dry_run ? "*" : NULL;
	p->product_code = E_NOT_ASSIGNED;
}

static void activation_fails(void **unused)
{
	long long due = 0;
	(void)unused;
	one->hook = refuse_activation;
	expect(m, muster_reset(m, "acme-cad", 0, 0), E_NOT_ASSIGNED);
	assert_string_equal(results(), "done,done,done,done,done,failed");
	assert_true(*muster_reset_file(m));
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_true(due > 0);
	one->hook = note_call;
	one->refuse = NULL;
	n_calls = 0;
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	assert_string_equal(results(), "done,nothing to do,nothing to do,nothing to do,nothing to do,done");
	CALLS(ACTIVATE, ACTIVATE);
	is_the_devices();
}

/* Killed while each of its requests is at the host: another reset completes it, and nothing is done twice. */
static void killed(void **unused)
{
	(void)unused;
	for (int at = 1; at <= 3; at++) {
		done(NULL);
		users(NULL);
		char undo[512];
		snprintf(undo, sizeof(undo), "%s/undo-%d", dir.path, at);
		assert_int_equal(muster_set(m, "undo_file", undo), 0);
		kill_at = at;
		one->mode = PEER_SERVE;
		pid_t child = fork();
		if (child == 0) {
			/* Its parent's hook has the number before the first request comes. */
			raise(SIGSTOP);
			muster_reset(m, "acme-cad", 0, 0);
			_exit(0);
		}
		int how;
		assert_int_equal(waitpid(child, &how, WUNTRACED), child);
		victim = child;
		kill(child, SIGCONT);
		assert_int_equal(waitpid(child, &how, 0), child);
		assert_true(WIFSIGNALED(how));
		victim = 0;
		expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
		is_the_devices();
		/* Whatever happened since, the first undo file has the user's lease. */
		if (at > 1) {
			expect(m, muster_reset_undo(m, "acme-cad", undo, 0), 0);
			assert_string_equal(one->last.call.renew.wants[0].user, ANNA);
		}
	}
}

/* --- undo --- */

static void undoes(void **unused)
{
	char file[512];
	struct muster_status *s;
	char *lease = content(lease_path);
	(void)unused;
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	snprintf(file, sizeof(file), "%s", muster_reset_file(m));
	/* Without a host, it is as it was. */
	one->mode = PEER_CLOSE;
	expect(m, muster_reset_undo(m, "acme-cad", file, 0), 0);
	assert_string_equal(muster_outcome_what(m, 0), "restored");
	char *now = content(lease_path);
	assert_string_equal(now, lease);
	assert_int_equal(muster_status(m, &s), 0);
	int i = muster_status_find(s, "acme-cad");
	assert_string_equal(muster_status_state(s, i), "licensed");
	assert_string_equal(muster_status_user(s, i), ANNA);
	muster_status_free(s);
	/* With one, it asks for the user again, with the plans of before. */
	one->mode = PEER_SERVE;
	expect(m, muster_reset_undo(m, "acme-cad", file, 0), 0);
	assert_string_equal(one->last.call.renew.wants[0].user, ANNA);
	assert_string_equal(one->last.call.renew.wants[0].plans[0], "render");
	assert_string_equal(muster_outcome_what(m, 0), "restored");
	free(lease);
	free(now);
}

static void undo_is_refused(void **unused)
{
	char file[512];
	char elsewhere[512];
	struct machine_dir another = {0};
	(void)unused;
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	snprintf(file, sizeof(file), "%s", muster_reset_file(m));
	expect(m, muster_reset_undo(m, "acme-sim", file, 0), E_WRONG_PRODUCT);
	expect(m, muster_reset_undo(m, "acme-cad", "/no/such/file", 0), E_IO);
	/* Another machine's. */
	struct muster *stranger = machine(&another, one, NULL);
	expect(stranger, muster_reset_undo(stranger, "acme-cad", file, 0), E_STATE_TAMPERED);
	muster_free(stranger);
	/* Edited, or the state file in its place, or it in the state file's. */
	char *text = content(file);
	char *at = strstr(text, ANNA);
	assert_non_null(at);
	*at = 'b';
	snprintf(elsewhere, sizeof(elsewhere), "%s/edited", dir.path);
	peer_write(elsewhere, text);
	expect(m, muster_reset_undo(m, "acme-cad", elsewhere, 0), E_STATE_TAMPERED);
	expect(m, muster_reset_undo(m, "acme-cad", state_path, 0), E_STATE_TAMPERED);
	*at = 'a';
	char *state = content(state_path);
	peer_write(state_path, text);
	chmod(state_path, 0600);
	assert_string_equal(state_of(m, "acme-cad"), "tampered");
	peer_write(state_path, state);
	chmod(state_path, 0600);
	is_the_devices();
	free(state);
	free(text);
}

/* The vendor's key was changed since: the lease is worth nothing, and what is there stays. */
static void lease_of_another_vendor(void **unused)
{
	char file[512];
	char folder[256];
	(void)unused;
	expect(m, muster_reset(m, "acme-cad", 0, 0), 0);
	snprintf(file, sizeof(file), "%s", muster_reset_file(m));
	char *lease = content(lease_path);
	peer_product(peer_path("changed", folder), &other, "acme-cad", "cad");
	assert_int_equal(muster_set(m, "products", folder), 0);
	expect(m, muster_reset_undo(m, "acme-cad", file, 0), E_STATE_TAMPERED);
	assert_non_null(strstr(muster_error_detail(m), "the lease:"));
	assert_int_equal(muster_set(m, "products", products), 0);
	char *now = content(lease_path);
	assert_string_equal(now, lease);
	is_the_devices();
	free(lease);
	free(now);
}

#define RESET(name) cmocka_unit_test_setup_teardown(name, users, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESET(in_order),
		RESET(of_nothing),
		RESET(only_asks),
		RESET(host_that_counts),
		RESET(no_host),
		RESET(undo_cannot_be_written),
		RESET(host_keeps_it),
		RESET(lease_cannot_be_removed),
		RESET(state_cannot_be_written),
		RESET(activation_fails),
		RESET(killed),
		RESET(undoes),
		RESET(undo_is_refused),
		RESET(lease_of_another_vendor),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
