/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speed, for the sake of many seeds: the same files are read on every turn, so what came of the same bytes
 * before is remembered instead of made again, and secrets lie in usual memory, without guards.
 */
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lease.h"
#include "product.h"

#define ROWS 4096
#define DOCUMENTS 1024
#define KEY 16
#define RESULT 96

struct piece {
	const void *bytes;
	size_t n;
};

/* What came of what; a newer row takes the place of an older one. */
static struct memory {
	uint8_t key[KEY];
	uint8_t result[RESULT];
} rows[ROWS];

/* What a signed document says. */
static struct document {
	uint8_t key[KEY];
	int code;
	union {
		struct product_file product;
		struct {
			struct lease lease;
			struct certificate certificate;
		} leased;
	} u;
} documents[DOCUMENTS];

int __wrap_crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m, unsigned long long n,
				       const unsigned char *pk);
int __real_crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m, unsigned long long n,
				       const unsigned char *pk);
int __wrap_crypto_scalarmult_base(unsigned char *q, const unsigned char *secret);
int __real_crypto_scalarmult_base(unsigned char *q, const unsigned char *secret);
int __wrap_crypto_sign_seed_keypair(unsigned char *pk, unsigned char *sk, const unsigned char *seed);
int __real_crypto_sign_seed_keypair(unsigned char *pk, unsigned char *sk, const unsigned char *seed);
int __wrap_product_file_open(const char *token, size_t n, const struct roots *vendor,
			     struct product_file *ret, struct claims *fault);
int __real_product_file_open(const char *token, size_t n, const struct roots *vendor,
			     struct product_file *ret, struct claims *fault);
int __wrap_lease_verify(const char *lease_token, const char *certificate_token, const struct roots *vendor,
			const char *product, const uint8_t device[DEVICE_ID], struct lease *ret,
			struct certificate *ret_cert);
int __real_lease_verify(const char *lease_token, const char *certificate_token, const struct roots *vendor,
			const char *product, const uint8_t device[DEVICE_ID], struct lease *ret,
			struct certificate *ret_cert);
void *__wrap_sodium_malloc(size_t n);
void __wrap_sodium_free(void *p);

/* The name of an operation on some bytes, by which its row is found. */
static void name(const char *operation, const struct piece *pieces, size_t n, uint8_t key[KEY])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, (const uint8_t *)operation, strlen(operation), KEY);
	for (size_t i = 0; i < n; i++) {
		crypto_generichash_update(&state, (const uint8_t *)&pieces[i].n, sizeof(pieces[i].n));
		crypto_generichash_update(&state, pieces[i].bytes, pieces[i].n);
	}
	crypto_generichash_final(&state, key, KEY);
}

/* Is it there already? From now on it is. */
static bool known(uint8_t there[KEY], const uint8_t key[KEY])
{
	bool same = memcmp(there, key, KEY) == 0;
	memcpy(there, key, KEY);
	return same;
}

static struct memory *row_of(const char *operation, const struct piece *pieces, size_t n, bool *ret_known)
{
	uint8_t key[KEY];
	name(operation, pieces, n, key);
	struct memory *row = &rows[(key[0] | key[1] << 8) % ROWS];
	*ret_known = known(row->key, key);
	return row;
}

static struct document *document_of(const char *operation, const struct piece *pieces, size_t n,
				    bool *ret_known)
{
	uint8_t key[KEY];
	name(operation, pieces, n, key);
	struct document *document = &documents[(key[0] | key[1] << 8) % DOCUMENTS];
	*ret_known = known(document->key, key);
	return document;
}

int __wrap_crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m, unsigned long long n,
				       const unsigned char *pk)
{
	bool again;
	const struct piece pieces[] = {
		{sig, crypto_sign_BYTES}, {pk, crypto_sign_PUBLICKEYBYTES}, {m, (size_t)n}};
	struct memory *row = row_of("verify a signature", pieces, 3, &again);
	if (!again)
		row->result[0] = __real_crypto_sign_verify_detached(sig, m, n, pk) == 0;
	return row->result[0] ? 0 : -1;
}

int __wrap_crypto_scalarmult_base(unsigned char *q, const unsigned char *secret)
{
	bool again;
	const struct piece piece = {secret, crypto_scalarmult_SCALARBYTES};
	struct memory *row = row_of("multiply the base", &piece, 1, &again);
	if (!again && __real_crypto_scalarmult_base(row->result, secret))
		abort();
	memcpy(q, row->result, crypto_scalarmult_BYTES);
	return 0;
}

int __wrap_crypto_sign_seed_keypair(unsigned char *pk, unsigned char *sk, const unsigned char *seed)
{
	bool again;
	const struct piece piece = {seed, crypto_sign_SEEDBYTES};
	struct memory *row = row_of("make a pair of keys", &piece, 1, &again);
	if (!again &&
	    __real_crypto_sign_seed_keypair(row->result, row->result + crypto_sign_PUBLICKEYBYTES, seed))
		abort();
	memcpy(pk, row->result, crypto_sign_PUBLICKEYBYTES);
	memcpy(sk, row->result + crypto_sign_PUBLICKEYBYTES, crypto_sign_SECRETKEYBYTES);
	return 0;
}

/* Its claims speak only where somebody asks why it was refused. */
int __wrap_product_file_open(const char *token, size_t n, const struct roots *vendor,
			     struct product_file *ret, struct claims *fault)
{
	bool again;
	const struct piece pieces[] = {{token, n}, {vendor->keys, vendor->n * PASETO_PUBLIC}};
	if (fault)
		return __real_product_file_open(token, n, vendor, ret, fault);
	struct document *d = document_of("open a product file", pieces, 2, &again);
	if (!again)
		d->code = __real_product_file_open(token, n, vendor, &d->u.product, NULL);
	*ret = d->u.product;
	return d->code;
}

int __wrap_lease_verify(const char *lease_token, const char *certificate_token, const struct roots *vendor,
			const char *product, const uint8_t device[DEVICE_ID], struct lease *ret,
			struct certificate *ret_cert)
{
	bool again;
	const struct piece pieces[] = {{lease_token, strlen(lease_token)},
				       {certificate_token, strlen(certificate_token)},
				       {vendor->keys, vendor->n * PASETO_PUBLIC},
				       {product, strlen(product)},
				       {device, device ? DEVICE_ID : 0}};
	struct document *d = document_of("verify a lease", pieces, 5, &again);
	if (!again)
		d->code = __real_lease_verify(lease_token, certificate_token, vendor, product, device,
					      &d->u.leased.lease, &d->u.leased.certificate);
	*ret = d->u.leased.lease;
	*ret_cert = d->u.leased.certificate;
	return d->code;
}

void *__wrap_sodium_malloc(size_t n)
{
	return malloc(n);
}

void __wrap_sodium_free(void *p)
{
	free(p);
}
