/* SPDX-License-Identifier: Apache-2.0 */
/* Licenses and certificates of a store as what this host may grant. */
#include "fixture.h"

#include "catalog.h"
#include "log.h"
#include "store.h"

static struct vendor vendor;
static struct host_key *key;
static struct store *store;
static struct catalog catalog;
static const uint8_t ledger[LEDGER_ID] = {4};

static int group_setup(void **state)
{
	(void)state;
	log_level_set((enum log_level) - 1); /* damaged files are logged, and some here are */
	vendor = fixture_vendor(1);
	key = fixture_host_key("catalog.key");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	host_key_free(key);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return store_open("memory:", &store);
}

static int teardown(void **state)
{
	(void)state;
	catalog_free(&catalog);
	store_close(store);
	return 0;
}

/* --- what an installation stores --- */

static void apply(struct effect effect)
{
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_apply(store, &effect), 0);
	assert_int_equal(store_commit(store), 0);
}

static void put_certificate(const struct vendor *v, const struct certificate *c)
{
	char pinned[PASERK_PUBLIC_TEXT];
	char *token = fixture_certificate_token(v, c);
	paserk_public_write(v->public, pinned);
	apply((struct effect){.kind = EFFECT_CERTIFICATE,
			      .at = NOW,
			      .u.signed_file = {v->pid, pinned, c->license, 0, token}});
	free(token);
}

static void certify(const char *license, uint32_t lease_days_max)
{
	struct certificate c = fixture_certificate(&vendor, key, ledger);
	snprintf(c.license, sizeof(c.license), "%s", license);
	c.lease_days_max = lease_days_max;
	put_certificate(&vendor, &c);
}

static void put_license(const struct license *l, int64_t first_number)
{
	char *token = fixture_license_token(&vendor, l);
	apply((struct effect){.kind = EFFECT_LICENSE,
			      .at = NOW,
			      .u.signed_file = {vendor.pid, NULL, l->id, l->serial, token}});
	free(token);
	for (size_t i = 0; i < l->n_grants && first_number; i++)
		apply((struct effect){
			.kind = EFFECT_GRANT,
			.grant = first_number + (int64_t)i,
			.u.grant_row = {vendor.pid, l->id, l->grants[i].id, l->grants[i].product, 30}});
}

/* A license with one grant. */
static void put_simple(const char *id, const char *grant_id, struct product product, int64_t number,
		       int64_t end)
{
	struct grant grant = fixture_grant(grant_id, 1);
	struct license l = fixture_license(&vendor, 1, &grant, 1, &product, 1);
	snprintf(l.id, sizeof(l.id), "%s", id);
	grant.exp = end;
	put_license(&l, number);
}

static void load(void)
{
	catalog_free(&catalog);
	assert_int_equal(catalog_load(store, key->public, &catalog), 0);
}

static struct line_facts candidates(const char *product, const char *version, const char *plan)
{
	struct line_facts line;
	char plans[1][LIMIT_ID + 1] = {""};
	memset(&line, 0xa5, sizeof(line));
	if (plan)
		strcpy(plans[0], plan);
	const struct wish wish = {.product = product,
				  .version = version,
				  .plans = (const char(*)[LIMIT_ID + 1]) plans,
				  .n_plans = plan != NULL,
				  .key = ""};
	catalog_candidates(&catalog, &wish, &line);
	return line;
}

/* --- loading --- */

static void test_an_empty_store(void **state)
{
	(void)state;
	load();
	assert_int_equal(catalog.n_licenses, 0);
	assert_int_equal(catalog.n_certificates, 0);
	assert_int_equal(catalog.next_number, 1);
	assert_int_equal(catalog.damaged, 0);
	assert_null(catalog_vendor(&catalog, vendor.pid));
	assert_null(catalog_license(&catalog, vendor.pid, "fjord-1"));
	assert_null(catalog_certificate(&catalog, vendor.pid, "fjord-1"));
	assert_int_equal(candidates("acme-cad", "", NULL).n_candidates, 0);
}

static void test_a_license_and_its_certificate(void **state)
{
	(void)state;
	certify("fjord-1", 14);
	put_simple("fjord-1", "cad", fixture_product(), 7, NOW + 10 * (int64_t)DAY);
	load();
	assert_int_equal(catalog.n_licenses, 1);
	assert_int_equal(catalog.next_number, 8);
	assert_memory_equal(catalog_vendor(&catalog, vendor.pid), vendor.public, PASETO_PUBLIC);
	const struct catalog_license *l = catalog_license(&catalog, vendor.pid, "fjord-1");
	assert_non_null(l);
	assert_int_equal(l->installed, NOW);
	assert_non_null(l->certificate);
	assert_ptr_equal(l->certificate, catalog_certificate(&catalog, vendor.pid, "fjord-1"));
	assert_null(catalog_license(&catalog, "k4.pid.other", "fjord-1"));
	assert_null(catalog_license(&catalog, vendor.pid, "fjord-2"));

	struct catalog_grant g;
	assert_true(catalog_grant(&catalog, 7, &g));
	assert_string_equal(g.grant->id, "cad");
	assert_string_equal(g.product->id, "acme-cad");
	assert_ptr_equal(g.license, l);
	assert_false(catalog_grant(&catalog, 8, &g));
	assert_false(catalog_grant(&catalog, 0, &g));

	struct line_facts line = candidates("acme-cad", "7.2", "render");
	assert_int_equal(line.n_candidates, 1);
	assert_int_equal(line.candidates[0].plans_wanted, 2);
	assert_false(line.candidates[0].plan_unknown);
	const struct candidate *c = &line.candidates[0];
	assert_int_equal(c->grant, 7);
	assert_string_equal(c->id, "cad");
	assert_int_equal(c->model, MODEL_VOLUME);
	assert_int_equal(c->plans, 3);
	assert_int_equal(c->lease_days_max, 14);
	assert_int_equal(c->end, NOW + 10 * (int64_t)DAY);
	assert_int_equal(c->grace_end, NOW + 40 * (int64_t)DAY);
	assert_true(c->covers_version);
	assert_int_equal(c->count, 0);
	assert_int_equal(c->holding.state, HOLDING_NONE);
}

static void test_what_asks_for_nothing_known(void **state)
{
	(void)state;
	certify("fjord-1", 0);
	put_simple("fjord-1", "cad", fixture_product(), 1, 0);
	load();
	assert_int_equal(candidates("acme-sim", "", NULL).n_candidates, 0);
	struct line_facts line = candidates("acme-cad", "", "no-such-plan");
	assert_int_equal(line.n_candidates, 1);
	assert_true(line.candidates[0].plan_unknown);
	line = candidates("acme-cad", "", NULL);
	assert_int_equal(line.candidates[0].plans_wanted, 0);
	assert_false(line.candidates[0].plan_unknown);
	assert_int_equal(line.candidates[0].end, NOW + 900 * (int64_t)DAY); /* the license's */
}

static void test_versions(void **state)
{
	struct product product = fixture_product();
	(void)state;
	strcpy(product.version_from, "6");
	strcpy(product.version_to, "7");
	certify("fjord-1", 0);
	put_simple("fjord-1", "cad", product, 1, 0);
	load();
	assert_true(candidates("acme-cad", "7.9", NULL).candidates[0].covers_version);
	assert_true(candidates("acme-cad", "", NULL).candidates[0].covers_version);
	assert_false(candidates("acme-cad", "8.0", NULL).candidates[0].covers_version);
	assert_false(candidates("acme-cad", "5.9", NULL).candidates[0].covers_version);
}

static void test_without_certificate_or_number_nothing_is_granted(void **state)
{
	(void)state;
	certify("fjord-2", 0); /* pins the vendor, but for another license */
	put_simple("fjord-1", "cad", fixture_product(), 1, 0);
	load();
	assert_int_equal(catalog.n_licenses, 1);
	assert_null(catalog.licenses[0].certificate);
	assert_int_equal(candidates("acme-cad", "", NULL).n_candidates, 0);
	certify("fjord-1", 0);
	load();
	assert_int_equal(candidates("acme-cad", "", NULL).n_candidates, 1);
	put_simple("fjord-2", "cad-2", fixture_product(), 0, 0); /* not in the ledger */
	load();
	assert_int_equal(catalog.n_licenses, 2);
	assert_int_equal(candidates("acme-cad", "", NULL).n_candidates, 1);
}

static void test_a_certificate_for_other_products(void **state)
{
	struct certificate c = fixture_certificate(&vendor, key, ledger);
	(void)state;
	strcpy(c.products[0], "acme-sim");
	c.n_products = 1;
	put_certificate(&vendor, &c);
	put_simple("fjord-1", "cad", fixture_product(), 1, 0);
	load();
	assert_int_equal(candidates("acme-cad", "", NULL).n_candidates, 0);
}

/* --- damage --- */

static void put_raw(enum effect_kind kind, const char *pid, const char *pinned, const char *id,
		    const char *token)
{
	apply((struct effect){.kind = kind, .at = NOW, .u.signed_file = {pid, pinned, id, 1, token}});
}

static void test_what_does_not_verify_is_left_out(void **state)
{
	char pinned[PASERK_PUBLIC_TEXT];
	struct vendor other = fixture_vendor(2);
	struct certificate c = fixture_certificate(&vendor, key, ledger);
	(void)state;
	certify("fjord-1", 0);
	put_simple("fjord-1", "cad", fixture_product(), 1, 0);
	load();
	assert_int_equal(catalog.damaged, 0);

	char *token = fixture_volume(&vendor, 1, 1);
	token[60] = token[60] == 'A' ? 'B' : 'A';
	put_raw(EFFECT_LICENSE, vendor.pid, NULL, "altered", token);
	free(token);
	token = fixture_volume(&other, 1, 1);
	put_raw(EFFECT_LICENSE, other.pid, NULL, "unpinned", token);
	put_raw(EFFECT_LICENSE, vendor.pid, NULL, "foreign", token);
	free(token);
	paserk_public_write(other.public, pinned);
	token = fixture_certificate_token(&vendor, &c);
	put_raw(EFFECT_CERTIFICATE, other.pid, pinned, "fjord-9",
		token); /* signed by another than is pinned */
	put_raw(EFFECT_CERTIFICATE, vendor.pid, "rubbish", "fjord-8", token);
	put_raw(EFFECT_CERTIFICATE, vendor.pid, "", "fjord-7", "");
	free(token);
	load();
	assert_int_equal(catalog.damaged, 6);
	assert_int_equal(catalog.n_licenses, 1);
	assert_int_equal(catalog.n_certificates, 1);
	assert_int_equal(candidates("acme-cad", "", NULL).n_candidates, 1);
}

/* --- several licenses --- */

static void test_grants_of_two_licenses(void **state)
{
	(void)state;
	certify("fjord-1", 0);
	certify("fjord-2", 0);
	put_simple("fjord-1", "cad", fixture_product(), 1, NOW + 5 * (int64_t)DAY);
	put_simple("fjord-2", "cad", fixture_product(), 2,
		   NOW + 9 * (int64_t)DAY); /* the same id in another license */
	load();
	struct line_facts line = candidates("acme-cad", "", "modeler");
	assert_int_equal(line.n_candidates, 2);
	assert_int_equal(line.candidates[0].plans_wanted, 1);
	struct catalog_grant g;
	assert_true(catalog_grant(&catalog, 2, &g));
	assert_string_equal(g.license->license.id, "fjord-2");
}

/* Grants that ended years ago must not take the place of the one in force. */
static void test_old_grants_do_not_crowd_out_the_new_one(void **state)
{
	bool found = false;
	(void)state;
	for (int i = 0; i < CANDIDATES_MAX + 3; i++) {
		char id[32];
		snprintf(id, sizeof(id), "fjord-%d", 2010 + i);
		certify(id, 0);
		put_simple(id, "cad", fixture_product(), i + 1, NOW - (20 - 5 * i) * (int64_t)DAY);
	}
	load();
	struct line_facts line = candidates("acme-cad", "", NULL);
	assert_int_equal(line.n_candidates, CANDIDATES_MAX);
	for (size_t i = 0; i < line.n_candidates; i++)
		found |= line.candidates[i].grant == CANDIDATES_MAX + 3;
	assert_true(found);
}

static void test_states_of_a_term(void **state)
{
	const int64_t nbf = 1000;
	const int64_t end = 2000;
	const int64_t grace = 3000;
	(void)state;
	assert_string_equal(catalog_term_state(nbf, end, grace, 999), "pending");
	assert_string_equal(catalog_term_state(nbf, end, grace, 1000), "active");
	assert_string_equal(catalog_term_state(nbf, end, grace, 1999), "active");
	assert_string_equal(catalog_term_state(nbf, end, grace, 2000), "expired");
	assert_string_equal(catalog_term_state(nbf, end, grace, 2999), "expired");
	assert_string_equal(catalog_term_state(nbf, end, grace, 3000), "disabled");
	assert_string_equal(catalog_term_state(nbf, end, grace, 3000 + 90 * (int64_t)DAY - 1), "disabled");
	assert_string_equal(catalog_term_state(nbf, end, grace, 3000 + 90 * (int64_t)DAY), "deleted");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_empty_store),
		TEST(test_a_license_and_its_certificate),
		TEST(test_what_asks_for_nothing_known),
		TEST(test_versions),
		TEST(test_without_certificate_or_number_nothing_is_granted),
		TEST(test_a_certificate_for_other_products),
		TEST(test_what_does_not_verify_is_left_out),
		TEST(test_grants_of_two_licenses),
		TEST(test_old_grants_do_not_crowd_out_the_new_one),
		TEST(test_states_of_a_term),
	};
	return cmocka_run_group_tests_name("server/broker/catalog", tests, group_setup, group_teardown);
}
