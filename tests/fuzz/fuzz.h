/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput; libFuzzer drives it when it
 * is built with clang, and driver.c replays its corpus in `make test`.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "paseto.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Results go here, so that no compiler drops the call that made them. */
static volatile size_t fuzz_sink;

static inline void fuzz_use(size_t value)
{
	fuzz_sink = fuzz_sink + value;
}

static inline void fuzz_use_text(const char *text)
{
	fuzz_use(strlen(text));
}

/* A promise that holds for every input. */
static inline void fuzz_require(int holds)
{
	if (!holds)
		abort();
}

/* How often the inputs of a corpus came through a reader. They lie in a section of their own, where the
 * driver finds all of them, also the one that no input has come to. */
struct fuzz_reader {
	const char *name;
	size_t accepted;
};

/* Behind each reader that took the input: a corpus of which it takes nothing tests its first lines only. */
#define fuzz_accepted(reader)                                                                                \
	do {                                                                                                 \
		static struct fuzz_reader fuzz_reader                                                        \
			__attribute__((used, section("fuzz_readers"), aligned(16))) = {#reader, 0};          \
		fuzz_reader.accepted++;                                                                      \
	} while (0)

/* The input as text; freed by the caller. */
static inline char *fuzz_text(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	if (!text)
		abort();
	memcpy(text, data, n);
	text[n] = 0;
	return text;
}

/* The input as a file of its owner's; its name in path. The descriptor is closed by the caller. */
#define FUZZ_PATH 32
static inline int fuzz_file(const uint8_t *data, size_t n, char path[FUZZ_PATH])
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	fuzz_require(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, n) == (ssize_t)n);
	snprintf(path, FUZZ_PATH, "/proc/self/fd/%d", fd);
	return fd;
}

/* The key pair of a one-letter seed: 'v' the vendor, 'h' the host. The corpora are made for these. */
static inline void fuzz_keys(char letter, uint8_t public[PASETO_PUBLIC], uint8_t secret[PASETO_SECRET])
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	memset(seed, letter, sizeof(seed));
	crypto_sign_seed_keypair(public, secret, seed);
}

/* The input as the payload of a token that the right key signed; NULL when it is too large. */
static inline char *fuzz_sign(const uint8_t *data, size_t n, const char *typ,
			      const uint8_t secret[PASETO_SECRET])
{
	char *token = NULL;
	return paseto_sign(secret, data, n, "", typ, &token) ? NULL : token;
}

#endif
