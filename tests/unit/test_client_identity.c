/* SPDX-License-Identifier: Apache-2.0 */
/* Who a machine is: copies of it, images, identities that operators choose, and hosts that find copies. */
#include "client_machine.h"

#include <sys/syscall.h>

#define UUID_A "4c4c4544-0042-3510-8052-b4c04f4a5931\n"
#define UUID_B "4c4c4544-0042-3510-8052-b4c04f4a5932\n"
#define ID_A "0123456789abcdef0123456789abcdef\n"
#define ID_B "0123456789abcdef0123456789abcdee\n"

/* --- parts of machines --- */

static int roots;

/* A root folder that shows these parts; NULL: it does not show that one. The path lives for ever. */
static const char *root_of(const char *uuid, const char *machine_id)
{
	static char paths[64][256];
	char name[32];
	char path[512];
	char *root = paths[roots];
	assert_true(roots < 64);
	snprintf(name, sizeof(name), "root-%d", roots++);
	peer_path(name, root);
	for (const char *const *folder = (const char *[]){"", "/etc", "/sys", "/sys/class", "/sys/class/dmi",
							  "/sys/class/dmi/id", NULL};
	     *folder; folder++) {
		snprintf(path, sizeof(path), "%s%s", root, *folder);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/sys/class/dmi/id/product_uuid", root);
	if (uuid)
		peer_write(path, uuid);
	snprintf(path, sizeof(path), "%s/etc/machine-id", root);
	if (machine_id)
		peer_write(path, machine_id);
	return root;
}

static char *device_of(struct muster *m)
{
	static char ids[16][DEVICE_ID_TEXT];
	static int at;
	struct muster_status *s;
	char *id = ids[at++ % 16];
	assert_int_equal(muster_status(m, &s), 0);
	snprintf(id, DEVICE_ID_TEXT, "%s", muster_status_device(s));
	muster_status_free(s);
	return id;
}

static char *forked_from(struct muster *m)
{
	static char id[DEVICE_ID_TEXT];
	struct muster_status *s;
	assert_int_equal(muster_status(m, &s), 0);
	snprintf(id, sizeof(id), "%s", muster_status_forked_from(s));
	muster_status_free(s);
	return id;
}

/* The host takes who comes next for a device that it has never seen. */
static void forget_device(struct peer *p)
{
	p->done = 0;
	p->counter = 0;
	memset(p->serials, 0, sizeof(p->serials));
}

static void test_which_machine_a_key_was_made_on(void **unused)
{
	static const struct {
		const char *what, *uuid, *id, *uuid_now, *id_now;
		bool copy;
	} rows[] = {
		{"the same", UUID_A, ID_A, UUID_A, ID_A, false},
		{"another firmware", UUID_A, ID_A, UUID_B, ID_A, true},
		{"the same firmware, installed anew", UUID_A, ID_A, UUID_A, ID_B, false},
		{"no firmware, another machine-id", NULL, ID_A, NULL, ID_B, true},
		{"firmware not readable now", UUID_A, ID_A, NULL, ID_A, false},
		{"nor then", NULL, ID_A, UUID_B, ID_A, false},
		{"not readable now, and another machine-id", UUID_A, ID_A, NULL, ID_B, true},
		{"nothing known then", NULL, NULL, UUID_A, ID_A, false},
		{"nothing known now", UUID_A, ID_A, NULL, NULL, false},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_dir dir = {0};
		struct muster *m = machine(&dir, NULL, NULL);
		m->root = root_of(rows[i].uuid, rows[i].id);
		char *before = device_of(m);
		assert_string_equal(device_of(m), before);
		m->root = root_of(rows[i].uuid_now, rows[i].id_now);
		char *after = device_of(m);
		if ((strcmp(before, after) != 0) != rows[i].copy)
			fail_msg("%s", rows[i].what);
		assert_string_equal(device_of(m), after);
		muster_free(m);
	}
}

static void test_the_first_start_of_a_copy(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char lease[512];
	(void)unused;
	m->root = root_of(UUID_A, ID_A);
	assert_int_equal(muster_set(m, "plans", "modeler"), 0);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_int_equal(muster_set(m, "plans", NULL), 0);
	char *before = device_of(m);
	assert_string_equal(forked_from(m), "");
	m->root = root_of(UUID_B, ID_A);
	forget_device(one);
	/* Its lease is another device's; what was wished for stays, and the agent sees to it. */
	assert_string_not_equal(state_of(m, "acme-cad"), "licensed");
	assert_string_equal(forked_from(m), before);
	long long due = -1;
	assert_int_equal(muster_next_due(m, &due), 0);
	assert_int_equal(due, 0);
	expect(m, muster_renew(m, NULL, 1, 0), 0);
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_string_equal(one->last.call.activate.wants[0].plans[0], "modeler");
	assert_int_equal(one->last.call.activate.device.forked_from.size, DEVICE_ID);
	assert_int_equal(one->last.call.activate.once.counter, 0);
	state_file(&dir, "leases/acme-cad.lease", lease);
	assert_int_equal(access(lease, F_OK), 0);
	assert_string_equal(forked_from(m), before);
	muster_free(m);
}

/* --- a host that finds a copy --- */

static int refusals;

static void refuse_once(struct peer *p)
{
	p->call_code = refusals-- > 0 ? E_IDENTITY_FORKED : 0;
	if (!p->call_code)
		forget_device(p);
}

static void test_a_host_finds_a_copy(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	char *before = device_of(m);
	one->hook = refuse_once;
	refusals = 1;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_int_equal(muster_step_count(m), 2); /* the same host twice */
	assert_string_equal(muster_step_result(m, 0), "IDENTITY_FORKED");
	assert_string_equal(state_of(m, "acme-cad"), "licensed");
	assert_string_equal(forked_from(m), before);
	assert_string_not_equal(device_of(m), before);
	one->hook = NULL;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	muster_free(m);
}

/* A host that errs must not make identities without end. */
static void test_not_twice_a_day(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	one->hook = refuse_once;
	refusals = 100;
	expect(m, muster_renew(m, "acme-cad", 0, 0), E_IDENTITY_FORKED);
	char *second = device_of(m);
	expect(m, muster_activate(m, "acme-cad", 0), E_IDENTITY_FORKED);
	assert_string_equal(device_of(m), second);
	wall = one->now = PEER_NOW + 2 * PEER_DAY;
	refusals = 1;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	assert_string_not_equal(device_of(m), second);
	muster_free(m);
}

static void test_giving_back_what_a_copy_never_had(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	one->hook = refuse_once;
	refusals = 1;
	expect(m, muster_release(m, "acme-cad", 0), 0);
	assert_string_not_equal(state_of(m, "acme-cad"), "licensed");
	muster_free(m);
}

static int late;

static void late_once(struct peer *p)
{
	p->call_code = late-- > 0 ? E_RETRY : 0;
}

/* The same request again, in a session of its own. */
static void test_a_late_request_is_sent_again(void **unused)
{
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	int connections = one->connections;
	one->hook = late_once;
	late = 1;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_int_equal(one->connections, connections + 2);
	/* One that is late each time is left for later, with its token. */
	late = 100;
	expect(m, muster_renew(m, "acme-cad", 0, 0), E_RETRY);
	uint8_t token[16];
	memcpy(token, one->last.call.renew.once.token, sizeof(token));
	late = 0;
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_memory_equal(one->last.call.renew.once.token, token, sizeof(token));
	muster_free(m);
}

/* --- chosen identities --- */

static void write_seed(const char *path, uint8_t number, size_t n, mode_t mode)
{
	uint8_t seed[64];
	FILE *file = fopen(path, "wb");
	memset(seed, number, sizeof(seed));
	assert_non_null(file);
	assert_int_equal(fwrite(seed, 1, n, file), n);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static void test_an_identity_that_was_chosen(void **unused)
{
	struct machine_dir dir = {0};
	struct machine_dir elsewhere = {0};
	struct muster *m = machine(&dir, one, NULL);
	char seed[256];
	(void)unused;
	peer_path("seed", seed);
	write_seed(seed, 7, 32, 0600);
	assert_int_equal(muster_set(m, "identity", seed), 0);
	m->root = root_of(UUID_A, ID_A);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	char *id = device_of(m);
	assert_int_equal(one->last.call.activate.device.components_count, 0); /* only the ratchet guards */
	assert_int_equal(one->last.call.activate.wants[0].components_count, 0);
	m->root = root_of(UUID_B, ID_B); /* moved to another node */
	expect(m, muster_renew(m, "acme-cad", 0, 0), 0);
	assert_string_equal(device_of(m), id);
	one->call_code = E_IDENTITY_FORKED; /* used twice: an operator has to see to it */
	expect(m, muster_renew(m, "acme-cad", 0, 0), E_IDENTITY_FORKED);
	assert_string_equal(device_of(m), id);
	one->call_code = 0;
	struct muster *again = machine(&elsewhere, one, NULL);
	assert_int_equal(muster_set(again, "identity", seed), 0);
	assert_string_equal(device_of(again), id);
	write_seed(seed, 8, 32, 0600);
	assert_string_not_equal(device_of(again), id);
	muster_free(again);
	muster_free(m);
}

static void test_seeds_that_are_none(void **unused)
{
	static const struct {
		uint8_t number;
		size_t n;
		mode_t mode;
		int code;
	} rows[] = {
		{7, 31, 0600, E_KEY_INVALID},
		{7, 33, 0600, E_KEY_INVALID},
		{0, 32, 0600, E_KEY_INVALID},
		{7, 0, 0600, E_KEY_INVALID},
		{7, 32, 0644, E_INSECURE},
		{7, 32, 0660, E_INSECURE},
		{7, 32, 0640, 0},
	};
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, NULL, NULL);
	struct muster_status *s;
	char seed[256];
	(void)unused;
	peer_path("seed-bad", seed);
	assert_int_equal(muster_set(m, "identity", seed), 0);
	assert_int_equal(muster_status(m, &s), E_IO);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_seed(seed, rows[i].number, rows[i].n, rows[i].mode);
		expect(m, muster_status(m, &s), rows[i].code);
		if (!rows[i].code)
			muster_status_free(s);
	}
	muster_free(m);
}

/* --- what is unlinked is synced --- */

/* A folder, one of its files, and how often the folder was synced while the file was gone. */
static char watched_folder[512];
static char watched_file[512];
static int synced;

/* In place of the C library's. */
int fsync(int fd)
{
	struct stat is;
	struct stat st;
	if (watched_folder[0] && fstat(fd, &is) == 0 && stat(watched_folder, &st) == 0)
		synced += is.st_ino == st.st_ino && access(watched_file, F_OK) != 0;
	return (int)syscall(SYS_fsync, fd);
}

static void watch(const struct machine_dir *dir, const char *folder, const char *file)
{
	state_file(dir, folder, watched_folder);
	state_file(dir, file, watched_file);
	assert_int_equal(access(watched_file, F_OK), 0);
	synced = 0;
}

static void test_what_is_gone_is_gone_after_a_power_cut(void **unused)
{
	static const struct {
		const char *folder;
		const char *file;
		bool release;
	} rows[] = {
		{"leases", "leases/acme-cad.lease", true},
		{"leases", "leases/acme-cad.lease", false},
		{"undo", "undo/some.json", false},
		{".", "state.json", false},
		{".", "device.key", false},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine_dir dir = {0};
		struct muster *m = machine(&dir, one, NULL);
		char path[512];
		forget_device(one);
		expect(m, muster_activate(m, "acme-cad", 0), 0);
		state_file(&dir, "undo", path);
		assert_int_equal(mkdir(path, 0700), 0);
		state_file(&dir, "undo/some.json", path);
		peer_write(path, "x");
		watch(&dir, rows[i].folder, rows[i].file);
		expect(m, rows[i].release ? muster_release(m, "acme-cad", 0) : muster_generalize(m), 0);
		assert_int_equal(access(watched_file, F_OK), -1);
		if (!synced)
			fail_msg("%s", rows[i].file);
		muster_free(m);
	}
	watched_folder[0] = 0;
}

/* --- images --- */

static void test_an_image_has_no_identity(void **unused)
{
	static const char *const names[] = {"device.key", "state.json", "leases", "undo"};
	struct machine_dir dir = {0};
	struct muster *m = machine(&dir, one, NULL);
	char path[512];
	(void)unused;
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	char *before = device_of(m);
	state_file(&dir, "undo", path);
	assert_int_equal(mkdir(path, 0700), 0);
	state_file(&dir, "undo/some.json", path);
	peer_write(path, "x");
	expect(m, muster_generalize(m), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		state_file(&dir, names[i], path);
		assert_int_equal(access(path, F_OK), -1);
	}
	expect(m, muster_generalize(m), 0); /* once more does no harm */
	assert_string_not_equal(device_of(m), before);
	assert_string_equal(forked_from(m), "");
	assert_string_equal(state_of(m, "acme-cad"), "grace");
	forget_device(one);
	expect(m, muster_activate(m, "acme-cad", 0), 0);
	muster_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_which_machine_a_key_was_made_on),
		TEST(test_the_first_start_of_a_copy),
		TEST(test_a_host_finds_a_copy),
		TEST(test_not_twice_a_day),
		TEST(test_giving_back_what_a_copy_never_had),
		TEST(test_a_late_request_is_sent_again),
		TEST(test_an_identity_that_was_chosen),
		TEST(test_seeds_that_are_none),
		TEST(test_what_is_gone_is_gone_after_a_power_cut),
		TEST(test_an_image_has_no_identity),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
