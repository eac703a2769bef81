/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a machine as the protocol speaks of them (DESIGN 5.4): kinds, weights, and the salted 16-bit
 * tags that stand for them, so that nothing raw leaves the machine. Pure; any thread.
 */
#ifndef PROTOCOL_HARDWARE_H
#define PROTOCOL_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARDWARE_SALT 32
#define HARDWARE_MACS 2 /* network addresses that are told; of every other kind there is one */

/* Numbers on the wire. */
enum hardware_kind {
	HARDWARE_MACHINE_ID = 1,
	HARDWARE_UUID,
	HARDWARE_BOARD,
	HARDWARE_DISK,
	HARDWARE_MAC,
	HARDWARE_CPU,
	HARDWARE_MEMORY,
	HARDWARE_TPM,
	HARDWARE_SCOPE, /* the salt itself: tags under different ones tell nothing of each other */
	HARDWARE_KINDS = HARDWARE_SCOPE
};

/* The kind's name, which goes into the tag; "" for an unknown kind. */
const char *hardware_name(unsigned kind);

/* What agreement in the kind is worth; 0 for an unknown kind. */
uint32_t hardware_weight(unsigned kind);

/* One of the kinds of which at least one must agree: a machine cannot have them from an image. */
bool hardware_strong(unsigned kind);

/* The salt of an organisation's product, under the secret fp_salt of the host certificate. product: "" for
 * the tags of the device itself. */
void hardware_salt(const uint8_t fp_salt[HARDWARE_SALT], const char *org, const char *product,
		   uint8_t ret[HARDWARE_SALT]);

/* The tag of a part's value, which is text. kind: a known one. */
uint16_t hardware_tag(const uint8_t salt[HARDWARE_SALT], unsigned kind, const char *value);

#endif
