/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and disks that fail when told to: fail.c stands in front of the C library, linked into a test or
 * preloaded into any program, counts the calls that may fail, and makes the n-th of them fail, once or from
 * then on. What is ordered and counted lies in one struct, which a preloaded program shares with its test
 * through the file that MUSTER_FAIL names.
 */
#ifndef TESTS_FAIL_H
#define TESTS_FAIL_H

#include <stdatomic.h>
#include <stdbool.h>

enum fail_kind {
	FAIL_NOTHING,
	FAIL_MEMORY, /* malloc and its kin, of every library; sodium_malloc, mmap; new threads */
	FAIL_DISK,   /* calls on plain files and folders */
};

/* tests/faults/fault.py has the same. */
struct fail {
	_Atomic int kind;      /* enum fail_kind */
	_Atomic int error;     /* errno of a disk's call */
	_Atomic int for_good;  /* and all after it */
	_Atomic int no_sync;   /* syncs are not waited for: what is looked at survives without them */
	_Atomic long at;       /* the first call that fails, from 1; 0: none, they are only counted */
	_Atomic long calls;    /* since this was set to 0 */
	_Atomic long failures; /* so many of them failed */
};

extern struct fail *fail;

/* Linked in: calls count only on this thread between fail_on and fail_off. Preloaded, they always do. */
void fail_on(void);
void fail_off(void);

/* Which places a test looks at: every one of so many, unless FAULT_STRIDE says which; and the first of them,
 * which FAULT_FIRST says, to go on where a run was broken off. */
long fail_stride(long otherwise);
long fail_first(void);

/* Order a fault, and begin to count. */
void fail_order(enum fail_kind, long at, bool for_good, int error);

/* Blocks of memory that this thread has taken and not given back, whatever is on; only differences mean
 * something. Always 0 under AddressSanitizer, which finds leaks itself. */
long fail_blocks(void);

#endif
