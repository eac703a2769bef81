/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmuster: activate this machine with the activation host of its organisation, keep it activated, and say
 * what it is.
 *
 * A call returns 0, or a negative code whose positive number is a row of 'muster explain'; muster_error_...
 * then has the code's name, text and remedy and the numbers behind it. Calls that use the network take a
 * deadline in milliseconds; 0 or less stands for the option timeout_ms.
 *
 * Threads: a handle belongs to one thread at a time; different handles may be used at once, also on one state
 * directory. muster_version, muster_explain and muster_cancel may be called from any thread, muster_cancel
 * from a signal handler too.
 *
 * The library reads no environment variable, prints nothing, starts no thread and no process and installs no
 * signal handler. Its descriptors are close-on-exec.
 *
 * Strings: every "const char *" that is returned is borrowed. It lives until the next call that changes its
 * owner (the handle or the status it was asked of), at most until that is freed, unless said otherwise. Never
 * NULL unless said. They are UTF-8 without control characters, but for names of files. Times are seconds
 * since 1970 in UTC; 0 stands for "none".
 *
 * Arguments: texts are copied. NULL means something only where that is said, and stands for an empty text
 * otherwise; a handle or a status is never NULL, but for freeing. An index that there is not has empty texts,
 * 0, and the state "unlicensed".
 */
#ifndef MUSTER_H
#define MUSTER_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && __GNUC__ >= 4
#define MUSTER_API __attribute__((visibility("default")))
#else
#define MUSTER_API
#endif

/* One user of the library: its options, its last error, the trace of its last discovery. */
struct muster;

/* What is known of every product at one instant. */
struct muster_status;

/* The library's version, such as "0.1.0". Lives for ever. */
MUSTER_API const char *muster_version(void);

/* A new handle with the built-in options; NULL without memory. No file is touched before the first verb. */
MUSTER_API struct muster *muster_new(void);

/* Free a handle and wipe its secrets; NULL is allowed. */
MUSTER_API void muster_free(struct muster *m);

/*
 * Set an option by its name. A repeatable one (host, domain, vendor_key) gets one more value with each call.
 * A value of NULL brings back the built-in default. The names:
 *
 *   state            directory of this machine's key, state and leases (/var/lib/muster)
 *   products         folder with .product files and trusted .pub files (/etc/muster/products)
 *   host             activation host: NAME, NAME:PORT or [ADDRESS]:PORT (repeatable)
 *   domain           DNS domain to look for _muster._tcp in (repeatable)
 *   vendor_key       a vendor's k4.public... key to trust besides the folder's (repeatable)
 *   dns              ADDRESS:PORT of the resolver to ask instead of the system's
 *   timeout_ms       deadline of a call that gives none, 100 to 600000 (10000)
 *   org              the only organisation whose hosts are accepted; also lets the machine move to it
 *   hostname         name to tell the host instead of the machine's own
 *   agent            name and version of the calling program, to tell the host
 *   plans            plans wanted by the next muster_activate, "a,b"
 *   product_version  version of the calling product, to be checked against the license
 *   key              pool or enrolment key, shown by muster_activate while the host does not know the machine
 *   reinstalled      "1": muster_activate takes over the place that this machine had under an old id ("0")
 *   no_names         "1": muster_request tells neither this machine's name nor a user ("0")
 *   site_key         file with the site's keys, for activation by telephone with digits
 *   identity         file of 32 random bytes to derive this machine's keys from, each machine another one
 *   nonblocking      "1": calls with a deadline go on with muster_process, in the caller's event loop ("0")
 *   undo_file        file for the undo of the next muster_reset, instead of one in the state directory
 *
 * Codes: CONFIG_INVALID (no such option, or a wrong value; the detail says which), NO_MEMORY.
 */
MUSTER_API int muster_set(struct muster *m, const char *option, const char *value);

/*
 * Option names one after the other: index from 0; NULL behind the last one. *ret_repeatable: 1 when it may be
 * given more than once (may be NULL). Live for ever.
 */
MUSTER_API const char *muster_option(int index, int *ret_repeatable);

/*
 * Activate a product. 0: it is licensed now, or was already (a renewal that is due is then tried, and its
 * failure does not matter). Codes: NO_PRODUCT_FILE, NO_HOST (muster_step_... has each host's reason), BUSY,
 * or the host's refusal such as THRESHOLD_NOT_MET; KEY_MALFORMED for the option key, before any host is
 * asked; INSECURE, CANNOT_CREATE, IO, STATE_LOCKED for the state directory.
 */
MUSTER_API int muster_activate(struct muster *m, const char *product, int deadline_ms);

/*
 * Renew one product, or with NULL every one that was ever asked for. only_if_due: 1 leaves alone what is not
 * due. 0: all that were tried are licensed. Otherwise the code of the first that is not; muster_outcome_...
 * has each product's own. Codes as muster_activate, NOT_ACTIVATED, and STATE_TAMPERED, which only
 * muster_activate heals.
 */
MUSTER_API int muster_renew(struct muster *m, const char *product, int only_if_due, int deadline_ms);

/*
 * Give a product's place back and forget its lease, or with NULL every product's. A user whose activation it
 * was is signed in no more. Codes as muster_renew; with NULL the code of the first product that failed. The
 * lease stays when no host confirms.
 */
MUSTER_API int muster_release(struct muster *m, const char *product, int deadline_ms);

/*
 * Sign a user in for a product that is licensed to users, and activate it. code: the one-time code that an
 * administrator gave the user, or NULL or "" when this machine knows the user already. On success a lease of
 * another user is replaced; otherwise it stays. A user who was let in but has to wait for a seat
 * (NOT_ASSIGNED, SEATS_EXHAUSTED) stays signed in, and muster_renew asks again. Codes as muster_activate;
 * SIGNIN_REFUSED, SIGNIN_CODE_EXPIRED, SIGNIN_LOCKED, DEVICE_LIMIT and the like; NOT_FOR_USERS, and the code
 * is not spent; BAD_REQUEST for a name that cannot be one, and KEY_MALFORMED for a code that cannot be one,
 * before any host is asked.
 */
MUSTER_API int muster_signin(struct muster *m, const char *product, const char *user, const char *code,
			     int deadline_ms);

/*
 * Sign out who is signed in for a product and forget the user's lease; or with NULL, everybody from every
 * product, and then a user needs a new code to come back. Codes as muster_release; NOT_ACTIVATED: nobody is
 * signed in.
 */
MUSTER_API int muster_signout(struct muster *m, const char *product, int deadline_ms);

/*
 * Redeem a product key for the organisation; muster_outcome_detail says what it gave. product: NULL when the
 * products folder has only one. Codes: KEY_MALFORMED before any host is asked; KEY_UNKNOWN, KEY_USED,
 * KEY_NOT_PERMITTED and the like; BAD_REQUEST: the product must be named; otherwise as muster_activate.
 */
MUSTER_API int muster_redeem(struct muster *m, const char *product, const char *key, int deadline_ms);

/*
 * Clear all that this machine holds of a product and activate it afresh for the device, in this order: ask a
 * host whether that would succeed, and otherwise end with its code and nothing changed; write the undo file;
 * sign the user out and give the place back; remove the lease; forget user, plans and serial; activate. A
 * reset that was cut off is completed by another one. dry_run: 1 only asks. Codes as muster_activate and
 * muster_release.
 */
MUSTER_API int muster_reset(struct muster *m, const char *product, int dry_run, int deadline_ms);

/*
 * Put lease and record back as an undo file has them, then try to renew, because the host took them back
 * (whose failure does not matter). What the reset activated is not given back by it. Codes: STATE_TAMPERED:
 * the file was changed, is another machine's, or its lease no longer verifies; WRONG_PRODUCT;
 * NO_PRODUCT_FILE; IO.
 */
MUSTER_API int muster_reset_undo(struct muster *m, const char *product, const char *file, int deadline_ms);

/*
 * The steps of the last muster_reset, in words; "done", "failed", "nothing to do" or "to do" (not come to);
 * and the undo file that it wrote, "" for none.
 */
MUSTER_API int muster_reset_count(const struct muster *m);
MUSTER_API const char *muster_reset_step(const struct muster *m, int index);
MUSTER_API const char *muster_reset_result(const struct muster *m, int index);
MUSTER_API const char *muster_reset_file(const struct muster *m);

/*
 * For a machine that reaches no host: a signed request as a text block, to be carried to one, where
 * 'musterctl offline answer' makes the answer. user: for whom, NULL for who is signed in or the device
 * itself. *ret_text: borrowed until the handle's next muster_request or muster_bundle (to which it may be
 * given). Each call makes another request; one that was answered is answered alike when it is shown again.
 * Codes: NO_PRODUCT_FILE; BAD_REQUEST for a name that cannot be one; NAMES_TOLD: a user in spite of no_names;
 * those of the state directory.
 */
MUSTER_API int muster_request(struct muster *m, const char *product, const char *user, const char **ret_text);

/*
 * Put requests together: first and second are requests or bundles of them, from any machines; second may be
 * NULL. A machine's newer request for a product takes the place of its older one, which stands in first.
 * *ret_text as muster_request's. Codes: ARMOUR_INVALID, BUNDLE_INVALID, SIGNATURE_INVALID and others of a
 * file that does not hold; TOO_LARGE: more than 1000.
 */
MUSTER_API int muster_bundle(struct muster *m, const char *first, const char *second, const char **ret_text);

/*
 * Take in what a host answered: the text of an answer, or of a bundle in which this machine's own are found.
 * All of it is verified first; a text that is wrong, cut off or for other machines changes nothing. The same
 * answer may be taken in again, also by a machine that was installed anew and has kept its key. Codes:
 * ANSWER_FOREIGN, ANSWER_OLD, ENDED, WRONG_ORG, BUNDLE_INVALID, ARMOUR_INVALID; NO_PRODUCT_FILE,
 * HOST_UNTRUSTED and others of a lease that does not verify; those of the state directory.
 */
MUSTER_API int muster_import(struct muster *m, const char *text);

/*
 * Activation by telephone: the 54 digits that somebody reads out, where 'musterctl offline confirm' answers,
 * and typing the answer. 48 digits are proved by a key that every machine of the site has (option site_key);
 * they are for at most 90 days, and twice in a row. 51 words are the host's signature, verified with the
 * host's certificate, which lies in the products folder as a .certificate file. *ret_text as
 * muster_request's. Codes: VOICE_OFF: there is neither; DIGITS_WRONG: what is wrong stands in the detail,
 * down to the digit or word where that can be told; VOICE_REFUSED; VOICE_TRY_LATER after 5 wrong ones;
 * VOICE_LIMIT; ANSWER_OLD, ENDED; KEY_INVALID and INSECURE for the site's keys; NO_PRODUCT_FILE; those of the
 * state directory.
 */
MUSTER_API int muster_installation_id(struct muster *m, const char *product, const char **ret_text);
MUSTER_API int muster_confirm(struct muster *m, const char *typed);

/*
 * Make the machine an image from which others are made: forget its identity, its leases and all that it knows
 * of hosts. No network: give places back with muster_release before. The next call makes a new identity. A
 * copy that was made without it is found on its first start, or by the host. Codes of the state directory as
 * in muster_activate.
 */
MUSTER_API int muster_generalize(struct muster *m);

/*
 * Try each step of discovery as an activation would, up to proving each host's certificate, without telling
 * any host who asks. 0: at least one host can serve. The steps are at muster_step_... Codes: NO_HOST,
 * NO_PRODUCT_FILE, CANCELLED, and those of the folder of products.
 */
MUSTER_API int muster_where(struct muster *m, int deadline_ms);

/*
 * Seconds until the next renewal or repeated request is due: 0 for now, -1 for never. Reads the state only.
 * Codes of the state directory as in muster_activate.
 */
MUSTER_API int muster_next_due(struct muster *m, long long *ret_seconds);

/*
 * Make the call that another thread (or the interrupted one) is in return soon, with CANCELLED, or with what
 * a host had answered by then. It is lost when that call has not begun yet. One that goes on in an event loop
 * ends so with the next muster_process.
 */
MUSTER_API void muster_cancel(struct muster *m);

/* --- in an event loop of one's own --- */

/*
 * With the option nonblocking a call that takes a deadline does not wait for the network: it returns
 * IN_PROGRESS where it would, and goes on with each muster_process, until that returns what the call came to;
 * or its result at once. Go on soon: a host ends a handshake that is silent for 2 seconds. Meanwhile every
 * other call of the handle returns IN_PROGRESS, and what the handle tells of errors, outcomes and steps is
 * not yet what it will be. Calls without a deadline (muster_status, muster_request,
 * ...) return STATE_LOCKED where they would wait for another program. Files are read and written at once, and
 * a signature or two computed. A call that was begun goes on on the thread that began it.
 *
 *   while (code == MUSTER_IN_PROGRESS) {
 *       struct pollfd p = {muster_fd(m), muster_events(m), 0};
 *       poll(&p, 1, muster_timeout(m));
 *       code = muster_process(m);
 *   }
 */

/* The code IN_PROGRESS, as the calls return it. */
#define MUSTER_IN_PROGRESS (-94)

/* Go on with the call. IN_PROGRESS, or the call's own result; without such a call the last one's. Early is
 * harmless. */
MUSTER_API int muster_process(struct muster *m);

/*
 * What to watch: a descriptor, which is there from the first such call on and stays the same until
 * muster_free, and the events as in poll(2); 0 while no call goes on. Before the first call -1.
 */
MUSTER_API int muster_fd(const struct muster *m);
MUSTER_API int muster_events(const struct muster *m);

/* Milliseconds after which muster_process is to be called though there was no event; -1 without such a call.
 */
MUSTER_API int muster_timeout(const struct muster *m);

/* --- the last call's outcome, product by product --- */

/* How many products the last verb dealt with. */
MUSTER_API int muster_outcome_count(const struct muster *m);

/*
 * Of one of them: its id; 0 or its (negative) code; one of "activated", "renewed", "licensed" (nothing to
 * do), "released", "signed in", "signed out", "redeemed", "possible" (a reset, by its dry run), "restored",
 * "failed"; and what the host says about it, "" for nothing.
 */
MUSTER_API const char *muster_outcome_product(const struct muster *m, int index);
MUSTER_API int muster_outcome_code(const struct muster *m, int index);
MUSTER_API const char *muster_outcome_what(const struct muster *m, int index);
MUSTER_API const char *muster_outcome_detail(const struct muster *m, int index);

/* Of a refusal: the id under which the host's log has it; "" when no host refused. */
MUSTER_API const char *muster_outcome_correlation(const struct muster *m, int index);

/*
 * What the host told besides, as numbers for muster_explain: CLOCK_SKEWED, THRESHOLD_NOT_MET (renewals go on
 * in its grace), POOL_LOW and the like. notice counts from 0; the first 0 ends them. They never mean a
 * failure.
 */
MUSTER_API int muster_outcome_notice(const struct muster *m, int index, int notice);

/* --- the last error --- */

/* Its number (positive), or 0 when the last call succeeded. */
MUSTER_API int muster_error_number(const struct muster *m);

/* Its stable name such as "THRESHOLD_NOT_MET", what happened, and what to do about it; "" after success. */
MUSTER_API const char *muster_error_name(const struct muster *m);
MUSTER_API const char *muster_error_text(const struct muster *m);
MUSTER_API const char *muster_error_remedy(const struct muster *m);

/* What it was about: a file, a host, an option, or the host's own words (whose devices, which plans); "" for
 * none. */
MUSTER_API const char *muster_error_detail(const struct muster *m);

/* The id of this conversation in the host's log; "" for none. */
MUSTER_API const char *muster_error_correlation(const struct muster *m);

/*
 * A number behind it. Returns 1 and sets *ret, or 0. "have" and "need": machines that have asked and the
 * threshold, or wrong tries of a code and how many there may be; "used" and "quantity": places that are taken
 * and all; "until": a time, when what was refused begins, ends or ended.
 */
MUSTER_API int muster_error_value(const struct muster *m, const char *name, long long *ret);

/*
 * 1 when the same call may succeed later though nobody here does anything (nobody answered, the host is busy,
 * too few have asked): ask again after muster_next_due, which minds what the host said. 0 when the remedy
 * must come first, and after success.
 */
MUSTER_API int muster_error_temporary(const struct muster *m);

/* Seconds that the host asks to wait before the next try; 0: the usual interval, as muster_next_due counts
 * it. */
MUSTER_API int muster_error_retry_after(const struct muster *m);

/* The exit code of a command that ends with it; 0 after success. */
MUSTER_API int muster_error_exit(const struct muster *m);

/* --- the steps of the last discovery --- */

MUSTER_API int muster_step_count(const struct muster *m);

/* Where the host's name came from: "host", "domain", "search" (the machine's own domains) or "cache" (last
 * good host). */
MUSTER_API const char *muster_step_source(const struct muster *m, int index);

/* What was asked: a host's name or a DNS name; the address it led to ("" for none) and the port (0 for none).
 */
MUSTER_API const char *muster_step_target(const struct muster *m, int index);
MUSTER_API const char *muster_step_address(const struct muster *m, int index);
MUSTER_API int muster_step_port(const struct muster *m, int index);

/* "OK" or the name of its error; the reason in words; and how long it took in milliseconds. */
MUSTER_API const char *muster_step_result(const struct muster *m, int index);
MUSTER_API const char *muster_step_reason(const struct muster *m, int index);
MUSTER_API int muster_step_ms(const struct muster *m, int index);

/* --- what this machine is --- */

/*
 * Read the state of every product in the products folder or the state directory; no network. The first call
 * for a product begins its first grace, for which the state directory is made where there is none (mode
 * 0700). *ret: freed with muster_status_free. Codes of the state directory as in muster_activate.
 */
MUSTER_API int muster_status(struct muster *m, struct muster_status **ret);
MUSTER_API void muster_status_free(struct muster_status *s);

/* The device id; "" when the key file is damaged. */
MUSTER_API const char *muster_status_device(const struct muster_status *s);

/* The id of the device that this machine was a copy of, when it was found to be one; "" otherwise. */
MUSTER_API const char *muster_status_forked_from(const struct muster_status *s);

/* 1 when this machine's clock is too far from the last trusted time, which is then used in its place. */
MUSTER_API int muster_status_clock_suspect(const struct muster_status *s);

/* The number of products; the functions below take an index below it. */
MUSTER_API int muster_status_count(const struct muster_status *s);

/* The index of a product by its id, or -1. */
MUSTER_API int muster_status_find(const struct muster_status *s, const char *product);

MUSTER_API const char *muster_status_product(const struct muster_status *s, int index);

/* The product's name for people, from its product file; "" when there is none. */
MUSTER_API const char *muster_status_name(const struct muster_status *s, int index);

/* "unlicensed", "grace", "licensed", "overdue", "expired", "reduced" or "tampered". */
MUSTER_API const char *muster_status_state(const struct muster_status *s, int index);

/* Who holds it: the user of the lease, or without one who is signed in; "" for the device itself. */
MUSTER_API const char *muster_status_user(const struct muster_status *s, int index);

/*
 * Of the lease: its model, its end (0: perpetual), when renewal begins (0: never), its organisation's id, its
 * number at the host, and what comes after its end: "notice" (nothing is lost) or "reduced"; "" and 0 without
 * a lease.
 */
MUSTER_API const char *muster_status_model(const struct muster_status *s, int index);
MUSTER_API long long muster_status_expires(const struct muster_status *s, int index);
MUSTER_API long long muster_status_renew_after(const struct muster_status *s, int index);
MUSTER_API const char *muster_status_org(const struct muster_status *s, int index);
MUSTER_API long long muster_status_serial(const struct muster_status *s, int index);
MUSTER_API const char *muster_status_on_expiry(const struct muster_status *s, int index);

/*
 * Which notice of the lease's end is due: how many days before the end it began, 30, and for a device's seat
 * also 10 and 1 (fewer when the lease is short). 0: none, or the lease has ended.
 */
MUSTER_API int muster_status_notice(const struct muster_status *s, int index);

/* The end of the first grace; 0 once the product has a lease. */
MUSTER_API long long muster_status_grace_ends(const struct muster_status *s, int index);

/* The host that answered last, NAME:PORT; "" for none. */
MUSTER_API const char *muster_status_host(const struct muster_status *s, int index);

/* The lease's plans; which is below muster_status_plans. */
MUSTER_API int muster_status_plans(const struct muster_status *s, int index);
MUSTER_API const char *muster_status_plan(const struct muster_status *s, int index, int which);

/*
 * What the host counted when it last told, and the number that it compares with: machines and the threshold;
 * after SIGNIN_REFUSED the wrong tries and how many there may be. Both 0 when it does not count.
 */
MUSTER_API long long muster_status_have(const struct muster_status *s, int index);
MUSTER_API long long muster_status_need(const struct muster_status *s, int index);

/* What the last try ended with: 0 or the positive number, its name, text, remedy and detail; "" after
 * success. */
MUSTER_API int muster_status_error_number(const struct muster_status *s, int index);
MUSTER_API const char *muster_status_error_name(const struct muster_status *s, int index);
MUSTER_API const char *muster_status_error_text(const struct muster_status *s, int index);
MUSTER_API const char *muster_status_error_remedy(const struct muster_status *s, int index);
MUSTER_API const char *muster_status_error_detail(const struct muster_status *s, int index);

/* The id of that refusal in the host's log; "" for none. */
MUSTER_API const char *muster_status_error_correlation(const struct muster_status *s, int index);

/* A number behind it, as muster_error_value. */
MUSTER_API int muster_status_error_value(const struct muster_status *s, int index, const char *name,
					 long long *ret);

/* As muster_error_temporary. */
MUSTER_API int muster_status_error_temporary(const struct muster_status *s, int index);

/* 1 when a person should be told: the grace or the lease is about to end, or has. */
MUSTER_API int muster_status_prompt(const struct muster_status *s, int index);

/* The exit code of a status command for this product: 0, 1 tampered, 2 grace or overdue, 3 unlicensed, 4
 * ended. */
MUSTER_API int muster_status_exit(const struct muster_status *s, int index);

/* --- codes --- */

/*
 * Look a code up by its name ("BUSY", in any case) or number ("3", with either sign). Returns its number, or
 * 0 when there is none. Any output may be NULL; the strings live for ever.
 */
MUSTER_API int muster_explain(const char *code, const char **ret_name, const char **ret_text,
			      const char **ret_remedy, int *ret_exit);

#ifdef __cplusplus
}
#endif

#endif
