/* SPDX-License-Identifier: Apache-2.0 */
#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "armour.h"
#include "error.h"
#include "folder.h"
#include "revoked.h"

#define FILE_MAX 65536
#define LIST_MAX (LIMIT_TOKEN + 1) /* in its armour */
#define ENTRIES_MAX 1024

void trust_fini(struct trust *t)
{
	for (size_t i = 0; i < t->n_keys; i++)
		revoked_free(t->keys[i].revoked);
	free(t->products);
	free(t->hosts);
	memset(t, 0, sizeof(*t));
}

const struct trust_product *trust_find(const struct trust *t, const char *product)
{
	for (size_t i = 0; i < t->n_products; i++)
		if (strcmp(t->products[i].file.product.id, product) == 0)
			return &t->products[i];
	return NULL;
}

int64_t trust_floor(const struct trust *t)
{
	int64_t floor = 0;
	for (size_t i = 0; i < t->n_products; i++)
		if (t->products[i].file.head.iat > floor)
			floor = t->products[i].file.head.iat;
	return floor;
}

/* --- reading one file through the folder's descriptor, so that what is checked is what is read --- */

static int read_fd(int fd, char *out, size_t room, size_t *ret_n)
{
	size_t used = 0;
	for (;;) {
		ssize_t got = read(fd, out + used, room - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return E_IO;
		used += (size_t)got;
		if (used == room)
			return E_TOO_LARGE;
		if (got == 0)
			break;
	}
	out[used] = 0;
	*ret_n = used;
	return 0;
}

/* max: what is as long is too long. */
static int read_entry(int folder, const char *name, size_t max, char **ret, size_t *ret_n, struct fault *f)
{
	struct stat st;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fault_system(f, E_IO, name);
	int error = 0;
	char *text = NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		error = fault_set(f, E_IO, "%s: it is not a regular file", name);
	else if (!folder_private(&st))
		error = fault_set(f, E_INSECURE, "%s: others may write it, or own it", name);
	else if ((text = malloc(max + 1)) == NULL)
		error = fault_code(f, E_NO_MEMORY);
	else if ((error = read_fd(fd, text, max, ret_n)) != 0)
		fault_set(f, error, "%s", name);
	close(fd);
	if (error)
		free(text);
	else
		*ret = text;
	return error;
}

/* --- keys --- */

int trust_add_key(struct trust *t, const char *text, struct fault *f)
{
	struct trust_key key;
	if (roots_read(text, strlen(text), &key.roots))
		return fault_set(f, E_KEY_INVALID,
				 "it is not one k4.public key, or up to %d of one vendor's roots", ROOTS_MAX);
	/* Two lists of one vendor, such as the application's and the folder's: either may be the older one.
	 */
	for (size_t i = 0; i < t->n_keys; i++)
		if (memcmp(t->keys[i].roots.keys[0], key.roots.keys[0], PASETO_PUBLIC) == 0)
			return roots_join(&t->keys[i].roots, &key.roots)
				       ? 0
				       : fault_set(f, E_TOO_LARGE, "more than %d roots of one vendor",
						   ROOTS_MAX);
	if (t->n_keys == TRUST_KEYS)
		return fault_set(f, E_TOO_LARGE, "more than %d vendor keys", TRUST_KEYS);
	key.revoked = NULL;
	key.revoked_read = false;
	paserk_pid_write(key.roots.keys[0], key.pid);
	t->keys[t->n_keys++] = key;
	return 0;
}

static int take_key(struct trust *t, const char *name, const char *text, size_t n, struct fault *f)
{
	(void)n;
	int error = trust_add_key(t, text, f);
	if (error)
		fault_add(f, "%s", name);
	return error;
}

/* --- products --- */

static void leave_out(struct trust *t, const char *name, int error)
{
	snprintf(t->ignored, sizeof(t->ignored), "%.128s: %s", name,
		 error == E_SIGNATURE_INVALID ? "none of the .pub keys signed it" : error_text(error));
}

/* Open with the key that signed it. */
static int open_product(const struct trust *t, const char *token, struct trust_product *ret)
{
	int error = E_SIGNATURE_INVALID;
	for (size_t i = 0; i < t->n_keys && error == E_SIGNATURE_INVALID; i++) {
		error = product_file_open(token, strlen(token), &t->keys[i].roots, &ret->file, NULL);
		ret->vendor = &t->keys[i];
	}
	return error;
}

static int add_product(struct trust *t, const struct trust_product *product, const char *name,
		       struct fault *f)
{
	if (trust_find(t, product->file.product.id))
		return fault_set(f, E_DUPLICATE, "%s: another file is for the product %s too", name,
				 product->file.product.id);
	if (t->n_products == LIMIT_PRODUCTS)
		return fault_set(f, E_TOO_LARGE, "more than %d product files", LIMIT_PRODUCTS);
	struct trust_product *more = realloc(t->products, (t->n_products + 1) * sizeof(*more));
	if (!more)
		return fault_code(f, E_NO_MEMORY);
	t->products = more;
	t->products[t->n_products++] = *product;
	return 0;
}

static int take_product(struct trust *t, const char *name, const char *text, size_t n, struct fault *f)
{
	struct trust_product product;
	char *token;
	int error = armour_read(token_product.label, text, n, &token);
	if (!error) {
		error = open_product(t, token, &product);
		free(token);
	}
	if (error == E_NO_MEMORY)
		return fault_code(f, error);
	if (error) {
		leave_out(t, name, error);
		return 0;
	}
	return add_product(t, &product, name, f);
}

/* --- hosts --- */

/* One that no key of ours has certified says nothing. */
static int take_host(struct trust *t, const char *name, const char *text, size_t n, struct fault *f)
{
	struct trust_host host;
	char *token;
	int error = armour_read(token_certificate.label, text, n, &token);
	(void)name;
	if (error)
		return error == E_NO_MEMORY ? fault_code(f, error) : 0;
	error = E_SIGNATURE_INVALID;
	for (size_t i = 0; i < t->n_keys && error; i++) {
		host.vendor = &t->keys[i];
		error = certificate_open(token, strlen(token), &t->keys[i].roots, &host.certificate, NULL);
	}
	free(token);
	if (error || t->n_hosts == TRUST_HOSTS)
		return 0;
	struct trust_host *more = realloc(t->hosts, (t->n_hosts + 1) * sizeof(*more));
	if (!more)
		return fault_code(f, E_NO_MEMORY);
	t->hosts = more;
	t->hosts[t->n_hosts++] = host;
	return 0;
}

/* --- revocations --- */

/* The list of a vendor must not keep another's programs from running; why a product is missing is told first.
 */
static void pass_over(struct trust *t, const char *name, int error)
{
	if (!t->ignored[0])
		leave_out(t, name, error);
}

static int take_list(struct trust *t, const char *name, const char *text, size_t n, struct fault *f)
{
	char *token;
	int error = armour_read(token_revocations.label, text, n, &token);
	if (!error) {
		error = revoked_offer(t, token);
		free(token);
	} else if (error != E_NO_MEMORY) {
		pass_over(t, name, error);
	}
	return error == E_NO_MEMORY ? fault_code(f, error) : 0;
}

/* --- the folder --- */

typedef int take_file(struct trust *, const char *name, const char *text, size_t n, struct fault *);

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name);
	size_t m = strlen(end);
	return n > m && name[0] != '.' && strcmp(name + n - m, end) == 0;
}

struct kind {
	const char *end;
	take_file *take;
	size_t max;
	bool passed_over; /* one that is too long or cannot be read */
};

/* All keys first: a product file may come before its key in the folder. */
static const struct kind kinds[] = {
	{".pub", take_key, FILE_MAX, false},
	{".product", take_product, FILE_MAX, false},
	{".certificate", take_host, FILE_MAX, false},
	{".revocations", take_list, LIST_MAX, true},
};

static int take_entry(struct trust *t, int folder, const char *name, const struct kind *kind, struct fault *f)
{
	char *text = NULL;
	size_t n = 0;
	int error = read_entry(folder, name, kind->max, &text, &n, f);
	if (kind->passed_over && (error == E_TOO_LARGE || error == E_IO || error == E_ACCESS_DENIED)) {
		fault_clear(f);
		pass_over(t, name, error);
		return 0;
	}
	if (!error)
		error = kind->take(t, name, text, n, f);
	free(text);
	return error;
}

static int each_file(struct trust *t, DIR *dir, const char *path, const struct kind *kind, struct fault *f)
{
	struct dirent *entry;
	int error = 0;
	rewinddir(dir);
	for (int i = 0; i < ENTRIES_MAX && !error; i++) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return errno ? fault_system(f, E_IO, path) : 0;
		if (ends_with(entry->d_name, kind->end))
			error = take_entry(t, dirfd(dir), entry->d_name, kind, f);
	}
	return error;
}

static int by_id(const void *left, const void *right)
{
	const struct trust_product *a = left;
	const struct trust_product *b = right;
	return strcmp(a->file.product.id, b->file.product.id);
}

static int read_folder(struct trust *t, DIR *dir, const char *path, struct fault *f)
{
	struct stat st;
	if (fstat(dirfd(dir), &st))
		return fault_system(f, E_IO, path);
	if (!folder_private(&st))
		return fault_set(f, E_INSECURE, "%s: others may write it, or own it", path);
	int error = 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !error; i++)
		error = each_file(t, dir, path, &kinds[i], f);
	if (!error && t->n_products)
		qsort(t->products, t->n_products, sizeof(t->products[0]), by_id);
	return error;
}

int trust_load(struct trust *t, const char *folder, struct fault *f)
{
	DIR *dir = opendir(folder);
	if (!dir && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!dir)
		return fault_system(f, E_IO, folder);
	int error = read_folder(t, dir, folder, f);
	closedir(dir);
	return error;
}
