/* SPDX-License-Identifier: Apache-2.0 */
/* Every ceiling of the wire and of signed files in one place. Sizes are bytes unless said. */
#ifndef PROTOCOL_LIMIT_H
#define PROTOCOL_LIMIT_H

/* Transport (DESIGN 5.1). */
#define LIMIT_PREAMBLE 8
#define LIMIT_HANDSHAKE_IN 4096  /* all that a host reads before a device is authenticated */
#define LIMIT_HANDSHAKE_OUT 4096 /* all that it answers before that */
#define LIMIT_REQUEST 3072       /* one encoded Request */
#define LIMIT_SHOW 7168          /* one that shows a lease; never the first of a connection */
#define LIMIT_RESPONSE 57344     /* one encoded Response */
#define LIMIT_HELLO_MS 2000      /* preamble and first handshake message, from accept */
#define LIMIT_HANDSHAKE_MS 5000  /* whole handshake and first request, from accept */
#define LIMIT_OWED 8             /* requests in flight on one connection */
#define LIMIT_BUSY_DELAY_S 60    /* a clear, unauthenticated BUSY delays a client at most this long */

/* Messages. */
#define LIMIT_VENDORS 4 /* vendors named by one hello */
#define LIMIT_LINES 8   /* products in one Activate or Renew */
#define LIMIT_PLANS 16  /* plans of one product */
#define LIMIT_COMPONENTS 12
#define LIMIT_NOTICES 4
#define LIMIT_DETAIL 255 /* what a refusal is about, for people */

/* Names and texts, without the ending NUL. */
#define LIMIT_ID 63    /* product, plan, grant, license and organisation ids: lower-case slugs */
#define LIMIT_NAME 127 /* names for people, UTF-8 */
#define LIMIT_HOSTNAME 253
#define LIMIT_VERSION 31 /* a product's or agent's version */
#define LIMIT_USER 127   /* a user's name, such as an e-mail address */
#define LIMIT_KEY 39     /* a product key or sign-in code as people type it */

/* Signed files. */
#define LIMIT_TOKEN 262144     /* any signed file */
#define LIMIT_CERTIFICATE 3072 /* a host certificate: it must fit into the hello */
#define LIMIT_LEASE 3072
#define LIMIT_OFFLINE_REQUEST 3072
#define LIMIT_OFFLINE_ANSWER 10240 /* a lease and a certificate are in it */
#define LIMIT_BUNDLE 1000          /* requests or answers of one bundle */
#define LIMIT_BUNDLE_BYTES 12582912
#define LIMIT_GRANTS 256
#define LIMIT_KEYS 1000 /* pool or redemption keys of one grant */
#define LIMIT_KEY_DAYS 3660
#define LIMIT_PRODUCTS 64
#define LIMIT_REVOCATIONS 4000 /* entries of one kind in a revocation list */
#define LIMIT_THRESHOLD 1000000

/* Timers (domain.md 1.3 and 8.10). */
#define LIMIT_INTERVAL_MIN 15    /* minutes: least renew or retry interval */
#define LIMIT_INTERVAL_MAX 43200 /* minutes: 30 days */
#define LIMIT_WINDOW_DAYS 400
#define LIMIT_LEASE_DAYS 400

#endif
