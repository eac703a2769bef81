/* SPDX-License-Identifier: Apache-2.0 */
#include "leasefile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "armour.h"
#include "error.h"
#include "file.h"
#include "folder.h"

#define LEASES "leases"
#define FILE_MAX 16384
#define LEASE_MODE 0600

/* The product is a slug: no '/', and it does not begin with a dot. */
static int path_of(const char *folder, const char *product, char out[PATH_MAX], struct fault *f)
{
	int n = snprintf(out, PATH_MAX, "%s/" LEASES "/%s.lease", folder, product);
	return n < 0 || n >= PATH_MAX ? fault_set(f, E_IO, "%s: the path is too long", folder) : 0;
}

static int verify(const char *text, size_t n, const char *product, const struct roots *vendor,
		  const uint8_t device[DEVICE_ID], struct stored_lease *ret)
{
	char *lease = NULL;
	char *certificate = NULL;
	int error = armour_read(token_lease.label, text, n, &lease);
	if (!error)
		error = armour_read(token_certificate.label, text, n, &certificate);
	if (!error && (strlen(lease) > LIMIT_LEASE || strlen(certificate) > LIMIT_CERTIFICATE))
		error = E_TOO_LARGE;
	if (!error)
		error = lease_verify(lease, certificate, vendor, product, device, &ret->lease,
				     &ret->certificate);
	if (!error)
		memcpy(ret->token, lease, strlen(lease) + 1);
	if (!error)
		snprintf(ret->covering, sizeof(ret->covering), "%s", certificate);
	free(lease);
	free(certificate);
	return error;
}

int leasefile_read(const char *folder, const char *product, const struct roots *vendor,
		   const uint8_t device[DEVICE_ID], struct stored_lease *ret, struct fault *f)
{
	char path[PATH_MAX];
	char *text;
	size_t n;
	int error = path_of(folder, product, path, f);
	if (error)
		return error;
	error = file_read(path, FILE_MAX, &text, &n);
	if (error == E_IO)
		return errno == ENOENT ? E_NOT_FOUND : fault_system(f, error, path);
	if (!error) {
		error = verify(text, n, product, vendor, device, ret);
		free(text);
	}
	if (error == E_NO_MEMORY)
		return fault_code(f, error);
	return error ? fault_set(f, E_STATE_TAMPERED, "%s: %s", path, error_text(error)) : 0;
}

static int join(const char *lease_token, const char *certificate_token, char **ret)
{
	char *lease = NULL;
	char *certificate = NULL;
	char *both = NULL;
	if (!armour_write(token_lease.label, lease_token, &lease) &&
	    !armour_write(token_certificate.label, certificate_token, &certificate)) {
		size_t room = strlen(lease) + strlen(certificate) + 1;
		both = malloc(room);
		if (both)
			snprintf(both, room, "%s%s", lease, certificate);
	}
	free(lease);
	free(certificate);
	*ret = both;
	return both ? 0 : E_NO_MEMORY;
}

static int put(const char *folder, const char *product, const char *text, struct fault *f)
{
	char path[PATH_MAX];
	char leases[PATH_MAX];
	int error = path_of(folder, product, path, f);
	if (!error && folder_path(folder, LEASES, leases, sizeof(leases)))
		error = fault_set(f, E_IO, "%s: the path is too long", folder);
	if (!error)
		error = folder_make(leases, f);
	if (error)
		return error;
	error = file_replace(path, text, strlen(text), LEASE_MODE);
	return error ? fault_system(f, error == E_STORE_FULL ? E_IO : error, path) : 0;
}

int leasefile_write(const char *folder, const char *product, const char *lease_token,
		    const char *certificate_token, struct fault *f)
{
	char *text;
	int error = join(lease_token, certificate_token, &text);
	if (error)
		return fault_code(f, error);
	error = put(folder, product, text, f);
	free(text);
	return error;
}

int leasefile_copy(const char *folder, const char *product, char **ret, struct fault *f)
{
	char path[PATH_MAX];
	size_t n;
	int error = path_of(folder, product, path, f);
	if (error)
		return error;
	error = file_read(path, FILE_MAX, ret, &n);
	if (!error)
		return 0;
	*ret = NULL;
	if (error == E_IO && errno == ENOENT)
		return 0;
	return error == E_IO ? fault_system(f, error, path) : fault_set(f, error, "%s", path);
}

int leasefile_restore(const char *folder, const char *product, const struct roots *vendor,
		      const uint8_t device[DEVICE_ID], const char *text, struct fault *f)
{
	struct stored_lease *lease = malloc(sizeof(*lease));
	if (!lease)
		return fault_code(f, E_NO_MEMORY);
	int error = verify(text, strlen(text), product, vendor, device, lease);
	free(lease);
	if (error)
		return fault_set(f, E_STATE_TAMPERED, "the lease: %s", error_text(error));
	return put(folder, product, text, f);
}

int leasefile_remove(const char *folder, const char *product, struct fault *f)
{
	char path[PATH_MAX];
	int error = path_of(folder, product, path, f);
	if (error)
		return error;
	if (unlink(path) && errno != ENOENT)
		return fault_system(f, E_IO, path);
	/* Before the state says that it is gone; also what a try before has unlinked. */
	return file_sync_folder(path) && errno != ENOENT ? fault_system(f, E_IO, path) : 0;
}
