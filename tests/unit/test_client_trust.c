/* SPDX-License-Identifier: Apache-2.0 */
/* What the administrator's folder may hold, and what makes it refused. */
#include "client_peer.h"
#include "revocations.h"
#include "trust.h"

static struct peer_vendor acme;
static struct peer_vendor other;
static int folders;

/* A folder of its own for each test, with acme's key and product acme-cad. */
static void fresh(char path[256])
{
	char name[32];
	snprintf(name, sizeof(name), "trust-%d", folders++);
	peer_path(name, path);
	peer_product(path, &acme, "acme-cad", "acme");
}

static int load(const char *path, struct trust *t, struct fault *f)
{
	memset(t, 0, sizeof(*t));
	fault_clear(f);
	return trust_load(t, path, f);
}

static void refused(const char *path, int code)
{
	struct trust *t = malloc(sizeof(*t));
	struct fault f;
	int error = load(path, t, &f);
	if (error != code)
		fail_msg("%s instead of %s", error ? error_name(error) : "accepted", error_name(code));
	assert_true(f.detail[0] != 0);
	trust_fini(t);
	free(t);
}

static void reads(void **unused)
{
	char path[256];
	struct trust t;
	struct fault f;
	(void)unused;
	fresh(path);
	peer_product(path, &other, "zeta", "b-other");
	peer_product(path, &acme, "acme-sim", "second");
	assert_int_equal(load(path, &t, &f), 0);
	assert_int_equal(t.n_keys, 2);
	assert_int_equal(t.n_products, 3);
	assert_string_equal(t.products[0].file.product.id, "acme-cad");
	assert_string_equal(t.products[2].file.product.id, "zeta");
	assert_memory_equal(trust_find(&t, "zeta")->vendor->roots.keys[0], other.public, PASETO_PUBLIC);
	assert_memory_equal(trust_find(&t, "acme-cad")->vendor->roots.keys[0], acme.public, PASETO_PUBLIC);
	assert_null(trust_find(&t, "acme"));
	assert_true(trust_floor(&t) == PEER_NOW - 20 * PEER_DAY);
	trust_fini(&t);
}

static void missing_folder_is_empty(void **unused)
{
	char path[256];
	struct trust t;
	struct fault f;
	(void)unused;
	assert_int_equal(load(peer_path("nowhere", path), &t, &f), 0);
	assert_int_equal(t.n_products, 0);
	assert_true(trust_floor(&t) == 0);
	trust_fini(&t);
}

static void writable_by_others(void **unused)
{
	static const char *const files[] = {"", "/acme.pub", "/acme.product"};
	static const mode_t bits[] = {0020, 0002};
	char path[256];
	char file[512];
	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 2; j++) {
			fresh(path);
			snprintf(file, sizeof(file), "%s%s", path, files[i]);
			assert_int_equal(chmod(file, (i ? 0644 : 0755) | bits[j]), 0);
			refused(path, E_INSECURE);
		}
		if (geteuid() != 0)
			continue;
		fresh(path);
		snprintf(file, sizeof(file), "%s%s", path, files[i]);
		assert_int_equal(chown(file, 4321, 4321), 0);
		refused(path, E_INSECURE);
	}
}

/* Files that are none of ours may lie there, whoever may write them; ours must be files. */
static void other_entries(void **unused)
{
	char path[256];
	char file[512];
	struct trust t;
	struct fault f;
	(void)unused;
	fresh(path);
	snprintf(file, sizeof(file), "%s/notes.txt", path);
	peer_write(file, "x");
	assert_int_equal(chmod(file, 0666), 0);
	snprintf(file, sizeof(file), "%s/.hidden.pub", path);
	peer_write(file, "no key");
	assert_int_equal(load(path, &t, &f), 0);
	trust_fini(&t);
	snprintf(file, sizeof(file), "%s/folder.product", path);
	assert_int_equal(mkdir(file, 0755), 0);
	refused(path, E_IO);
	fresh(path);
	snprintf(file, sizeof(file), "%s/pipe.pub", path);
	assert_int_equal(mkfifo(file, 0644), 0);
	refused(path, E_IO);
	fresh(path);
	snprintf(file, sizeof(file), "%s/large.pub", path);
	peer_write(file, "x");
	assert_int_equal(truncate(file, 1 << 20), 0);
	refused(path, E_TOO_LARGE);
}

static void two_files_for_one_product(void **unused)
{
	char path[256];
	(void)unused;
	fresh(path);
	peer_product(path, &acme, "acme-cad", "again");
	refused(path, E_DUPLICATE);
	fresh(path);
	peer_product(path, &other, "acme-cad", "foreign");
	refused(path, E_DUPLICATE);
}

/* A product whose vendor's key is not there is left out, and it is said why; the others serve. */
static void unsigned_products_are_left_out(void **unused)
{
	char path[256];
	char file[512];
	struct trust t;
	struct fault f;
	(void)unused;
	fresh(path);
	peer_product(path, &other, "zeta", "zeta");
	snprintf(file, sizeof(file), "%s/zeta.pub", path);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(load(path, &t, &f), 0);
	assert_int_equal(t.n_products, 1);
	assert_non_null(strstr(t.ignored, "zeta.product"));
	trust_fini(&t);
	/* The application may bring the key. */
	char key[PASERK_PUBLIC_TEXT];
	paserk_public_write(other.public, key);
	memset(&t, 0, sizeof(t));
	assert_int_equal(trust_add_key(&t, key, &f), 0);
	assert_int_equal(trust_load(&t, path, &f), 0);
	assert_int_equal(t.n_products, 2);
	trust_fini(&t);
	fresh(path);
	snprintf(file, sizeof(file), "%s/text.product", path);
	peer_write(file, "this is no product file");
	assert_int_equal(load(path, &t, &f), 0);
	assert_int_equal(t.n_products, 1);
	assert_non_null(strstr(t.ignored, "text.product"));
	trust_fini(&t);
}

static void bad_keys(void **unused)
{
	static const char *const texts[] = {"", "k4.public.x", "k4.secret.AAAA", "-----BEGIN", "k4.pid.AAAA"};
	char path[256];
	char file[512];
	(void)unused;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		fresh(path);
		snprintf(file, sizeof(file), "%s/bad.pub", path);
		peer_write(file, texts[i]);
		refused(path, E_KEY_INVALID);
	}
}

/* A list with so many hosts. Returns the length of the file. */
static size_t put_list(const char *path, size_t n)
{
	char(*hosts)[PASERK_ID_TEXT] = calloc(n, sizeof(*hosts));
	struct revocations list = {.number = 7, .hosts = hosts, .n_hosts = n};
	struct stat st;
	char *token = NULL;
	peer_head(&list.head, acme.public, PEER_NOW);
	for (size_t i = 0; i < n; i++) {
		uint8_t key[PASETO_PUBLIC] = {(uint8_t)i, (uint8_t)(i >> 8)};
		paserk_pid_write(key, hosts[i]);
	}
	assert_int_equal(revocations_sign(&list, acme.secret, &token), 0);
	assert_int_equal(token_save(&token_revocations, path, token, 0644), 0);
	free(token);
	free(hosts);
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* A vendor may have a list as long as any signed file; what is longer, or no list, stops nothing. */
static void long_lists(void **unused)
{
	char path[256];
	char file[512];
	struct trust t;
	struct fault f;
	(void)unused;
	fresh(path);
	snprintf(file, sizeof(file), "%s/acme.revocations", path);
	assert_in_range(put_list(file, 2500), 150000, LIMIT_TOKEN);
	assert_int_equal(load(path, &t, &f), 0);
	assert_non_null(t.keys[0].revoked);
	assert_int_equal(t.keys[0].revoked->n_hosts, 2500);
	assert_string_equal(t.ignored, "");
	trust_fini(&t);
	static const int64_t sizes[] = {LIMIT_TOKEN, LIMIT_TOKEN + 1, 1 << 20, -1 /* a folder */};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(file, sizeof(file), "%s/long.revocations", path);
		unlink(file);
		if (sizes[i] < 0) {
			assert_int_equal(mkdir(file, 0755), 0);
		} else {
			peer_write(file, "x");
			assert_int_equal(truncate(file, sizes[i]), 0);
		}
		assert_int_equal(load(path, &t, &f), 0);
		assert_int_equal(f.code, 0);
		assert_int_equal(t.n_products, 1);
		assert_int_equal(t.keys[0].revoked->number, 7); /* the good one counts */
		assert_non_null(strstr(t.ignored, "long.revocations"));
		trust_fini(&t);
	}
	/* But nobody else may write it. */
	snprintf(file, sizeof(file), "%s/acme.revocations", path);
	assert_int_equal(chmod(file, 0666), 0);
	refused(path, E_INSECURE);
}

static int start(void **unused)
{
	(void)unused;
	acme = peer_vendor_make(1);
	other = peer_vendor_make(2);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(missing_folder_is_empty),
		cmocka_unit_test(writable_by_others),
		cmocka_unit_test(other_entries),
		cmocka_unit_test(two_files_for_one_product),
		cmocka_unit_test(unsigned_products_are_left_out),
		cmocka_unit_test(bad_keys),
		cmocka_unit_test(long_lists),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
