/* SPDX-License-Identifier: Apache-2.0 */
/* leases/PRODUCT.lease of the state directory: the lease's block, then the block of the certificate behind
 * it. Any thread. */
#ifndef CLIENT_LEASEFILE_H
#define CLIENT_LEASEFILE_H

#include "fault.h"
#include "lease.h"

/* A lease as it lies there, verified. */
struct stored_lease {
	struct lease lease;
	struct certificate certificate;
	char token[LIMIT_LEASE + 1];
	char covering[LIMIT_CERTIFICATE + 1]; /* the certificate's token */
};

/*
 * Read and verify by the vendor's key, for this product and device. E_NOT_FOUND: there is none;
 * E_STATE_TAMPERED: it does not verify; E_IO; E_NO_MEMORY.
 */
int leasefile_read(const char *folder, const char *product, const struct roots *vendor,
		   const uint8_t device[DEVICE_ID], struct stored_lease *ret, struct fault *);

/* Replace it, atomically. E_IO, E_CANNOT_CREATE, E_NO_MEMORY. */
int leasefile_write(const char *folder, const char *product, const char *lease_token,
		    const char *certificate_token, struct fault *);

/* Its text as it stands there, checked or not; NULL when there is none. *ret: freed by the caller. E_IO,
 * E_NO_MEMORY. */
int leasefile_copy(const char *folder, const char *product, char **ret, struct fault *);

/* Put such a text back, when it still verifies. Errors as leasefile_read and leasefile_write. */
int leasefile_restore(const char *folder, const char *product, const struct roots *vendor,
		      const uint8_t device[DEVICE_ID], const char *text, struct fault *);

/* Remove it; a missing one is as good. E_IO. */
int leasefile_remove(const char *folder, const char *product, struct fault *);

#endif
