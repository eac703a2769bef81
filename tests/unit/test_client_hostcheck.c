/* SPDX-License-Identifier: Apache-2.0 */
/* Is this the right host: each check by itself, and which one speaks when several fail. */
#include "client_peer.h"
#include "hostcheck.h"

static struct peer_vendor acme;
static struct peer_vendor other;

/* A host that is right in every way; each row of the table below makes one thing wrong. */
static struct peer right(void)
{
	struct peer p = {
		.vendor = &acme, .org = "fjord", .nbf = PEER_NOW - PEER_DAY, .exp = PEER_NOW + PEER_DAY};
	uint8_t seed[crypto_sign_SEEDBYTES] = {9};
	crypto_sign_seed_keypair(p.public, p.secret, seed);
	memset(p.fixed.public, 3, NOISE_KEY);
	return p;
}

static int check(const struct peer *p, int64_t now, const char *org, const char *product)
{
	wire_server_hello *hello = calloc(1, sizeof(*hello));
	char products[1][LIMIT_ID + 1];
	uint8_t remote[NOISE_KEY];
	struct certificate cert;
	struct fault f = {0};
	struct hostcheck h = {.vendor = ROOTS_OF(acme.public),
			      .remote = remote,
			      .org = org,
			      .products = (const char(*)[LIMIT_ID + 1]) products,
			      .n_products = 1,
			      .now = now};
	memset(remote, 3, NOISE_KEY);
	snprintf(products[0], sizeof(products[0]), "%s", product);
	if (!p->no_certificate) {
		char *token = peer_certificate(p);
		snprintf(hello->certificates[hello->certificates_count++], sizeof(hello->certificates[0]),
			 "%s", token);
		free(token);
	}
	int error = hostcheck_run(&h, hello, &cert, &f);
	assert_int_equal(f.code, error);
	free(hello);
	return error;
}

static void one_thing_wrong(void **unused)
{
	struct peer p = right();
	(void)unused;
	assert_int_equal(check(&p, PEER_NOW, "", "acme-cad"), 0);
	assert_int_equal(check(&p, PEER_NOW, "fjord", "acme-cad"), 0);
	assert_int_equal(check(&p, PEER_NOW, "tind", "acme-cad"), E_WRONG_ORG);
	assert_int_equal(check(&p, PEER_NOW + PEER_DAY - 1, "", "acme-cad"), 0);
	assert_int_equal(check(&p, PEER_NOW + PEER_DAY, "", "acme-cad"), E_CERTIFICATE_EXPIRED);
	/* Made by a clock that is up to a day ahead of ours. */
	assert_int_equal(check(&p, PEER_NOW - 2 * PEER_DAY, "", "acme-cad"), 0);
	assert_int_equal(check(&p, PEER_NOW - 2 * PEER_DAY - 1, "", "acme-cad"), E_NOT_YET_VALID);
	p.covers = "acme-cad";
	assert_int_equal(check(&p, PEER_NOW, "", "acme-cad"), 0);
	assert_int_equal(check(&p, PEER_NOW, "", "acme-sim"), E_PRODUCT_UNKNOWN);
	p = right();
	p.wrong_static = true;
	assert_int_equal(check(&p, PEER_NOW, "", "acme-cad"), E_WRONG_HOST);
	p = right();
	p.no_certificate = true;
	assert_int_equal(check(&p, PEER_NOW, "", "acme-cad"), E_UNKNOWN_VENDOR);
	p = right();
	p.vendor = &other;
	assert_int_equal(check(&p, PEER_NOW, "", "acme-cad"), E_HOST_UNTRUSTED);
}

/* Foreign certificates beside the right one do no harm. */
static void one_of_several(void **unused)
{
	wire_server_hello *hello = calloc(1, sizeof(*hello));
	struct certificate cert;
	struct fault f = {0};
	struct peer p = right();
	struct peer foreign = right();
	struct hostcheck h = {
		.vendor = ROOTS_OF(acme.public), .remote = p.fixed.public, .org = "", .now = PEER_NOW};
	(void)unused;
	foreign.vendor = &other;
	char *theirs = peer_certificate(&foreign);
	char *ours = peer_certificate(&p);
	strcpy(hello->certificates[0], "no token at all");
	strcpy(hello->certificates[1], theirs);
	strcpy(hello->certificates[2], ours);
	hello->certificates_count = 2;
	assert_int_equal(hostcheck_run(&h, hello, &cert, &f), E_HOST_UNTRUSTED);
	hello->certificates_count = 3;
	assert_int_equal(hostcheck_run(&h, hello, &cert, &f), 0);
	assert_string_equal(cert.org, "fjord");
	/* One altered character. */
	hello->certificates[2][60] = hello->certificates[2][60] == 'A' ? 'B' : 'A';
	assert_int_equal(hostcheck_run(&h, hello, &cert, &f), E_HOST_UNTRUSTED);
	free(theirs);
	free(ours);
	free(hello);
}

/* The order of DESIGN 5.1: vendor, term, product, organisation, key. */
static void the_first_fault_speaks(void **unused)
{
	struct peer p = right();
	(void)unused;
	p.wrong_static = true;
	p.covers = "acme-cad";
	assert_int_equal(check(&p, PEER_NOW, "tind", "acme-cad"), E_WRONG_ORG);
	assert_int_equal(check(&p, PEER_NOW, "tind", "acme-sim"), E_PRODUCT_UNKNOWN);
	assert_int_equal(check(&p, PEER_NOW + PEER_DAY, "tind", "acme-sim"), E_CERTIFICATE_EXPIRED);
	p.vendor = &other;
	assert_int_equal(check(&p, PEER_NOW + PEER_DAY, "tind", "acme-sim"), E_HOST_UNTRUSTED);
}

/* --- several licenses of one vendor --- */

enum wrong {
	RIGHT,
	ENDED,
	REVOKED, /* its license */
	WRONG_ORG,
	WRONG_KEY,
	FOREIGN,
};

#define FOR_ANY ((const char *)NULL)

/* A certificate of the license-1 or -2 for one product, or all. */
static void show(wire_server_hello *hello, const char *covers, enum wrong wrong)
{
	struct peer p = right();
	p.covers = covers;
	p.license = wrong == REVOKED ? "license-2" : NULL;
	if (wrong == ENDED)
		p.exp = PEER_NOW - 1;
	if (wrong == WRONG_ORG)
		p.org = "tind";
	p.wrong_static = wrong == WRONG_KEY;
	if (wrong == FOREIGN)
		p.vendor = &other;
	char *token = peer_certificate(&p);
	snprintf(hello->certificates[hello->certificates_count++], sizeof(hello->certificates[0]), "%s",
		 token);
	free(token);
}

/* For the product bbb, of fjord; license-2 is revoked. */
static int judge(const wire_server_hello *hello, struct certificate *ret, struct fault *f)
{
	static char licenses[1][LIMIT_ID + 1] = {"license-2"};
	static const char products[1][LIMIT_ID + 1] = {"bbb"};
	struct revocations list = {.licenses = licenses, .n_licenses = 1};
	struct peer p = right();
	struct hostcheck h = {.vendor = ROOTS_OF(acme.public),
			      .revoked = &list,
			      .remote = p.fixed.public,
			      .org = "fjord",
			      .products = products,
			      .n_products = 1,
			      .now = PEER_NOW};
	return hostcheck_run(&h, hello, ret, f);
}

/* Each certificate is judged by itself; when none passes, that of the product tells why. */
static void one_for_each_license(void **unused)
{
	static const struct {
		struct {
			const char *covers;
			enum wrong wrong;
		} shown[2];
		int error;
	} rows[] = {
		{{{"aaa", RIGHT}, {"bbb", RIGHT}}, 0},
		{{{"bbb", RIGHT}, {"aaa", RIGHT}}, 0},
		{{{"aaa", ENDED}, {"bbb", RIGHT}}, 0},
		{{{"aaa", REVOKED}, {"bbb", RIGHT}}, 0},
		{{{"aaa", WRONG_ORG}, {"bbb", RIGHT}}, 0},
		{{{"bbb", ENDED}, {FOR_ANY, RIGHT}}, 0},
		{{{"bbb", REVOKED}, {"bbb", RIGHT}}, 0},
		{{{"bbb", WRONG_ORG}, {"bbb", RIGHT}}, 0},
		{{{"bbb", RIGHT}, {"bbb", ENDED}}, 0},
		{{{"aaa", RIGHT}, {"ccc", RIGHT}}, E_PRODUCT_UNKNOWN},
		{{{"aaa", RIGHT}, {"bbb", ENDED}}, E_CERTIFICATE_EXPIRED},
		{{{"aaa", RIGHT}, {"bbb", REVOKED}}, E_CERTIFICATE_REVOKED},
		{{{"aaa", RIGHT}, {"bbb", WRONG_ORG}}, E_WRONG_ORG},
		{{{"aaa", RIGHT}, {FOR_ANY, WRONG_KEY}}, E_WRONG_HOST},
		{{{"bbb", ENDED}, {"aaa", RIGHT}}, E_CERTIFICATE_EXPIRED},
		{{{"bbb", ENDED}, {"bbb", REVOKED}}, E_CERTIFICATE_EXPIRED},
		{{{"bbb", REVOKED}, {"bbb", ENDED}}, E_CERTIFICATE_REVOKED},
		{{{"aaa", ENDED}, {"ccc", RIGHT}}, E_CERTIFICATE_EXPIRED},
		{{{FOR_ANY, FOREIGN}, {"aaa", RIGHT}}, E_PRODUCT_UNKNOWN},
		{{{"bbb", FOREIGN}, {"aaa", FOREIGN}}, E_HOST_UNTRUSTED},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wire_server_hello *hello = calloc(1, sizeof(*hello));
		struct certificate cert;
		struct fault f = {0};
		for (size_t j = 0; j < 2; j++)
			show(hello, rows[i].shown[j].covers, rows[i].shown[j].wrong);
		int error = judge(hello, &cert, &f);
		if (error != rows[i].error || f.code != error || (f.detail[0] != 0) != (error != 0))
			fail_msg("row %zu: %s, %s", i, error_name(error), f.detail);
		assert_true(error || certificate_covers(&cert, "bbb"));
		free(hello);
	}
}

/* A host that has more than it showed: what covers the product may be among that; all else must be right. */
static void more_than_it_shows(void **unused)
{
	static const struct {
		const char *covers;
		enum wrong wrong;
		int error;
	} rows[] = {
		{"bbb", RIGHT, 0},
		{"aaa", RIGHT, 0},
		{"aaa", ENDED, E_CERTIFICATE_EXPIRED},
		{"aaa", REVOKED, E_CERTIFICATE_REVOKED},
		{"aaa", WRONG_ORG, E_PRODUCT_UNKNOWN},
		{"aaa", WRONG_KEY, E_PRODUCT_UNKNOWN},
		{"aaa", FOREIGN, E_CERTIFICATE_EXPIRED},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wire_server_hello *hello = calloc(1, sizeof(*hello));
		struct certificate cert;
		struct fault f = {0};
		hello->more = true;
		show(hello, rows[i].covers, rows[i].wrong);
		show(hello, "ccc", ENDED);
		int error = judge(hello, &cert, &f);
		if (error != rows[i].error || f.code != error)
			fail_msg("row %zu: %s, %s", i, error_name(error), f.detail);
		assert_true(error || certificate_covers(&cert, rows[i].covers));
		free(hello);
	}
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
		cmocka_unit_test(one_thing_wrong),        cmocka_unit_test(one_of_several),
		cmocka_unit_test(the_first_fault_speaks), cmocka_unit_test(one_for_each_license),
		cmocka_unit_test(more_than_it_shows),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
