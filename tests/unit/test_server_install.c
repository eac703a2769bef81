/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and licenses that an administrator installs: what is taken, what is refused, what stays. */
#include "host.h"

static void test_certificate_and_license_are_installed(void **state)
{
	(void)state;
	struct certificate c = usual_certificate();
	struct job *job = install_job(JOB_INSTALL_CERTIFICATE, fixture_certificate_token(&vendor, &c));
	unsigned long long generation = atomic_load(&broker.generation);
	job->roots = roots_of(vendor.public);
	run(job);
	assert_int_equal(job->code, 0);
	assert_string_equal(job->installed, "fjord-1");
	assert_true(job->new_vendor);
	job_free(job);
	assert_true(atomic_load(&broker.generation) > generation);
	struct credentials *shown = credentials_take(&broker.board);
	assert_int_equal(shown->n, 1);
	assert_memory_equal(shown->all[0].vendor, vendor.pid_bytes, PASERK_ID);
	credentials_give_back(&broker.board, shown);

	job = install_job(JOB_INSTALL_LICENSE, fixture_volume(&vendor, 1, 25));
	run(job);
	assert_int_equal(job->code, 0);
	assert_string_equal(job->installed, "fjord-1");
	job_free(job);
	assert_int_equal(broker.catalog.n_licenses, 1);
	assert_int_equal(grant_row().u.grant.num, 1);
	assert_int_equal(audits("host.certified"), 1);
	assert_int_equal(audits("license.installed"), 1);
	restart();
	assert_int_equal(broker.catalog.n_licenses, 1);
	assert_non_null(broker.catalog.licenses[0].certificate);
	assert_int_equal(broker.catalog.licenses[0].numbers[0], 1);
	assert_sound();
}

static void test_the_ledger_keeps_its_id(void **state)
{
	uint8_t ledger[LEDGER_ID];
	(void)state;
	memcpy(ledger, broker.ledger, sizeof(ledger));
	assert_false(sodium_is_zero(ledger, sizeof(ledger)));
	restart();
	assert_memory_equal(ledger, broker.ledger, sizeof(ledger));
}

static void test_armour_is_taken_too(void **state)
{
	(void)state;
	certify();
	char *token = fixture_volume(&vendor, 1, 1);
	char *text;
	assert_true(asprintf(&text,
			     "Dear customer,\r\n-----BEGIN MUSTER LICENSE-----\r\n%s\r\n-----END MUSTER "
			     "LICENSE-----\r\n",
			     token) > 0);
	free(token);
	assert_int_equal(install_license(text), 0);
}

static void test_certificates_that_are_refused(void **state)
{
	(void)state;
	struct certificate good = usual_certificate();
	struct certificate c = good;
	c.sign[3] ^= 1;
	assert_int_equal(install_certificate(&c) == 0, false);
	c = good;
	memcpy(c.sign, vendor.public, sizeof(c.sign));
	assert_int_equal(install_certificate(&c), E_WRONG_HOST);
	c = good;
	c.fixed[0] ^= 1;
	assert_int_equal(install_certificate(&c), E_WRONG_HOST);
	c = good;
	c.ledger[0] ^= 1;
	assert_int_equal(install_certificate(&c), E_LEDGER_MISMATCH);
	c = good;
	c.exp = now;
	assert_int_equal(install_certificate(&c), E_CERTIFICATE_EXPIRED);
	c.exp = now + 1;
	assert_int_equal(install_certificate(&c), 0);

	struct vendor other = fixture_vendor(99);
	struct certificate alien = fixture_certificate(&other, key, broker.ledger);
	struct job *job = install_job(JOB_INSTALL_CERTIFICATE, fixture_certificate_token(&other, &alien));
	job->roots = roots_of(vendor.public);
	assert_int_equal(run_and_free(job), E_WRONG_VENDOR);

	/* Named for one vendor, signed by another. */
	char *token = NULL;
	assert_int_equal(certificate_sign(&good, other.secret, &token), 0);
	assert_int_equal(run_and_free(install_job(JOB_INSTALL_CERTIFICATE, token)), E_SIGNATURE_INVALID);
	assert_int_equal(run_and_free(install_job(JOB_INSTALL_CERTIFICATE, strdup("hello"))),
			 E_ARMOUR_INVALID);
	assert_int_equal(run_and_free(install_job(JOB_INSTALL_CERTIFICATE, strdup(""))), E_ARMOUR_INVALID);
	assert_int_equal(audits(NULL), 1);
}

static int install_altered(size_t at)
{
	char *token = fixture_volume(&vendor, 1, 25);
	token[at] = token[at] == 'A' ? 'B' : 'A';
	return install_license(token);
}

static void test_licenses_that_are_refused(void **state)
{
	(void)state;
	struct vendor other = fixture_vendor(99);
	assert_int_equal(install_license(fixture_volume(&vendor, 1, 25)), E_VENDOR_NOT_PINNED);
	certify();
	assert_int_equal(install_license(fixture_volume(&other, 1, 25)), E_VENDOR_NOT_PINNED);
	assert_int_equal(install_altered(100), E_SIGNATURE_INVALID);
	assert_int_equal(install_altered(20), E_SIGNATURE_INVALID);

	struct product product = fixture_product();
	struct grant grant = fixture_grant("cad-volume", 25);
	struct license l = fixture_license(&vendor, 1, &grant, 1, &product, 1);
	strcpy(l.org, "other");
	assert_int_equal(install_license(fixture_license_token(&vendor, &l)), E_WRONG_ORG);
	l = fixture_license(&vendor, 1, &grant, 1, &product, 1);
	strcpy(l.id, "fjord-2");
	assert_int_equal(install_license(fixture_license_token(&vendor, &l)), E_NOT_CERTIFIED);
	l = fixture_license(&vendor, 1, &grant, 1, &product, 1);
	l.exp = now;
	assert_int_equal(install_license(fixture_license_token(&vendor, &l)), E_LICENSE_ENDED);

	/* A vendor's name in the footer is no signature of it. */
	char *token = NULL;
	l = fixture_license(&vendor, 1, &grant, 1, &product, 1);
	assert_int_equal(license_sign(&l, other.secret, &token), 0);
	assert_int_equal(install_license(token), E_SIGNATURE_INVALID);

	/* A certificate is no license. */
	struct certificate c = usual_certificate();
	assert_int_equal(install_license(fixture_certificate_token(&vendor, &c)) == 0, false);

	/* A claim out of range is named. */
	l = fixture_license(&vendor, 0, &grant, 1, &product, 1);
	struct job *job = install_job(JOB_INSTALL_LICENSE, fixture_license_token(&vendor, &l));
	run(job);
	assert_int_equal(job->code, E_CLAIM_INVALID);
	assert_string_equal(job->fault, "serial");
	job_free(job);

	assert_int_equal(broker.catalog.n_licenses, 0);
	assert_int_equal(audits("license.installed"), 0);
	assert_int_equal(install_license(fixture_volume(&vendor, 1, 25)), 0);
}

static void test_a_higher_serial_replaces_a_lower_one(void **state)
{
	struct machine m = machine(1);
	(void)state;
	certify();
	assert_int_equal(install_license(fixture_volume(&vendor, 5, 2)), 0);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_THRESHOLD_NOT_MET);
	assert_int_equal(install_license(fixture_volume(&vendor, 5, 1)), E_LICENSE_SERIAL_OLD);
	assert_int_equal(install_license(fixture_volume(&vendor, 4, 1)), E_LICENSE_SERIAL_OLD);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_THRESHOLD_NOT_MET);

	/* The grant keeps its number and its count; a new grant beside it gets another. */
	struct product product = fixture_product();
	struct grant grants[] = {fixture_grant("before", 9), fixture_grant("cad-volume", 2)};
	struct license l = fixture_license(&vendor, 6, grants, 2, &product, 1);
	assert_int_equal(install_license(fixture_license_token(&vendor, &l)), 0);
	assert_int_equal(broker.catalog.n_licenses, 1);
	assert_int_equal(broker.catalog.licenses[0].numbers[0], 2);
	assert_int_equal(broker.catalog.licenses[0].numbers[1], 1);
	struct machine other = machine(2);
	assert_int_equal(ask(&other, JOB_ACTIVATE, NULL), 0);
	assert_sound();
}

static void test_two_installations_in_one_batch(void **state)
{
	(void)state;
	certify();
	certify_for("fjord-2");
	struct machine m = machine(1);
	struct job *jobs[] = {install_job(JOB_INSTALL_LICENSE, fixture_volume(&vendor, 1, 1)),
			      request(&m, JOB_ACTIVATE, true),
			      install_job(JOB_INSTALL_LICENSE, other_license("fjord-2", "cad-2"))};
	broker_run(&broker, jobs, 3, now);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(jobs[i]->code, 0);
		job_free(jobs[i]);
	}
	assert_numbers_differ();
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	restart();
	assert_numbers_differ();
}

static void test_a_certificate_and_its_license_in_one_batch(void **state)
{
	(void)state;
	struct certificate c = usual_certificate();
	struct job *jobs[] = {install_job(JOB_INSTALL_CERTIFICATE, fixture_certificate_token(&vendor, &c)),
			      install_job(JOB_INSTALL_LICENSE, fixture_volume(&vendor, 1, 1))};
	broker_run(&broker, jobs, 2, now);
	assert_int_equal(jobs[0]->code, 0);
	assert_int_equal(jobs[1]->code, 0);
	job_free(jobs[0]);
	job_free(jobs[1]);
	assert_int_equal(broker.catalog.n_licenses, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_certificate_and_license_are_installed),
		BOTH(test_the_ledger_keeps_its_id),
		BOTH(test_armour_is_taken_too),
		BOTH(test_certificates_that_are_refused),
		BOTH(test_licenses_that_are_refused),
		BOTH(test_a_higher_serial_replaces_a_lower_one),
		BOTH(test_two_installations_in_one_batch),
		BOTH(test_a_certificate_and_its_license_in_one_batch),
	};
	return cmocka_run_group_tests_name("server/broker/install", tests, group_setup, group_teardown);
}
