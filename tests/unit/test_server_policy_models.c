/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a decision for pools and seats, and what subscriptions add to volume: one row a case, each
 * with the rule of rules.def and the section of the design that it shows. */
#include "fixture.h"

#include "bucket.h"
#include "hardware.h"
#include "judge.h"
#include "policy.h"
#include "seat.h"

#define ALL_PLANS 15u /* of product() */
#define GRANT 1
#define OTHER 2
#define USER 7
#define DAYS(n) ((n) * (int64_t)DAY)

/* Parts of a machine, as bits; those of `changed` have another value than those that are stored. */
#define PART(kind) (1u << (kind))
#define ID PART(HARDWARE_MACHINE_ID)
#define UUID PART(HARDWARE_UUID)
#define BOARD PART(HARDWARE_BOARD)
#define DISK PART(HARDWARE_DISK)
#define MAC PART(HARDWARE_MAC)
#define CPU PART(HARDWARE_CPU)
#define MEMORY PART(HARDWARE_MEMORY)
#define TPM PART(HARDWARE_TPM)

/* What is given; a zero member means the usual (usual(), below). What is wanted; a zero member is not looked
 * at. */
struct row {
	const char *rule;
	const char *section;
	const char *what;

	enum model model;
	int64_t nbf, end, quantity, active, extra, extended, over_since;
	uint32_t lease_days, lease_days_max, renew, devices_per_user, percent;
	bool unlimited, not_covered, plan_unknown, self_service, revoked, host_revoked, no_product;
	int64_t certified_until, cancelled, taken_over;
	enum overflow overflow;
	enum overage overage;
	enum enrol enrol;
	uint32_t plans, plans_wanted;
	enum key_shown key;
	bool stranger, blocked, no_enrol, approved, shared, not_shared, nobody, unbound, reinstalled;
	struct holding holding, twin, oldest;
	unsigned stored, shown, changed; /* parts */
	bool no_seat, other_seat, held_by_users;
	int seat_code;
	uint32_t seat_plans;
	int64_t devices_used;

	int code;
	int64_t used, quantity_told, until;
	enum holding_state state;
	int64_t expires, renew_after, serial;
	uint32_t units, plans_after;
	bool takes_over, evicts;
	int notice; /* ABSENT: none at all */
	int plan, other_plan;
};

#define LEASED(ago, ends)                                                                                    \
	{                                                                                                    \
		.state = HOLDING_ACTIVE, .activated = NOW - DAYS(50), .renewed = NOW - DAYS(ago),            \
		.contacted = NOW - DAYS(ago), .expires = (ends), .serial = 4, .plans = 3, .units = 1         \
	}
#define HELD .holding = LEASED(1, NOW + DAYS(9))
#define RELEASED                                                                                             \
	{                                                                                                    \
		.state = HOLDING_RELEASED, .activated = NOW - DAYS(50), .contacted = NOW - DAYS(2),          \
		.serial = 4, .units = 1                                                                      \
	}

/* The same case for every model that is not volume. */
#define EACH(rule, section, what, ...)                                                                       \
	{rule, section, "pool: " what, .model = MODEL_POOL, __VA_ARGS__},                                    \
		{rule, section, "device: " what, .model = MODEL_DEVICE, __VA_ARGS__},                        \
		{rule, section, "user: " what, .model = MODEL_USER, __VA_ARGS__},                            \
	{                                                                                                    \
		rule, section, "shared: " what, .model = MODEL_SHARED, __VA_ARGS__                           \
	}
#define VOLUME .model = MODEL_VOLUME
#define POOL .model = MODEL_POOL
#define DEVICE .model = MODEL_DEVICE
#define OF_USER .model = MODEL_USER
#define SHARED .model = MODEL_SHARED

static const struct row rows[] = {
	/* what every model has in common */
	EACH("certified", "4", "nothing is signed after the certificate's end", .certified_until = NOW,
	     .code = E_CERTIFICATE_EXPIRED, .until = NOW),
	EACH("certified", "4", "its last second serves", .certified_until = NOW + 1),
	EACH("revoked", "4", "a revoked license", .revoked = true, .code = E_LICENSE_REVOKED),
	EACH("revoked", "4", "a revoked host, told before the license", .revoked = true, .host_revoked = true,
	     .code = E_CERTIFICATE_REVOKED),
	EACH("revoked", "4", "a renewal neither; the lease runs out", .revoked = true, HELD,
	     .code = E_LICENSE_REVOKED, .state = HOLDING_ACTIVE, .serial = 4, .expires = NOW + DAYS(9)),
	EACH("blocked", "6.4", "a blocked device", .blocked = true, .code = E_DEVICE_BLOCKED),
	EACH("term", "3", "not begun", .nbf = NOW + 1, .code = E_GRANT_NOT_STARTED, .until = NOW + 1),
	EACH("term", "3", "expired: everything works in its grace", .end = NOW - DAYS(29),
	     .notice = E_GRANT_ENDED),
	EACH("term", "3", "the grace is over", .end = NOW - DAYS(30), .code = E_GRANT_ENDED, .until = NOW),
	EACH("term", "3", "a redeemed key moved the end", .end = NOW - DAYS(40), .extended = NOW + DAYS(60),
	     .notice = ABSENT),
	EACH("term", "3", "and a term that was extended less than it lasts is as it was",
	     .end = NOW + DAYS(500), .extended = NOW - DAYS(60), .notice = ABSENT),
	EACH("cancelled", "3", "cancelled: disabled at once", .cancelled = NOW - 5, HELD,
	     .code = E_GRANT_CANCELLED, .until = NOW - 5, .state = HOLDING_ACTIVE, .serial = 4),
	EACH("self_service", "3", "bought by a user, not taken over", .self_service = true,
	     .code = E_SELF_SERVICE),
	EACH("self_service", "3", "taken over", .self_service = true, .taken_over = NOW - 9),
	EACH("version", "2", "a version beyond the license", .not_covered = true,
	     .code = E_VERSION_NOT_COVERED),
	EACH("plans", "3", "a plan that nobody knows", .plan_unknown = true, .code = E_PLAN_UNKNOWN),
	EACH("plans", "3", "one that the grant lacks", .plans = 1, .plans_wanted = 2, .code = E_PLAN_UNKNOWN),
	{"certified", "4", "pool: a certificate without an end", POOL},
	{"revoked", "4", "neither was revoked", DEVICE},
	{"blocked", "6.4", "unblocked again, with the lease that it had", OF_USER, HELD, .serial = 5},
	{"cancelled", "3", "not cancelled, or reactivated", SHARED, HELD, .serial = 5},
	{"version", "2", "a version that is covered", DEVICE},
	{"plans", "3", "all of the grant's", DEVICE, .plans_after = 3},
	EACH("enrol", "5.4", "a stranger of a source that brought too many", .stranger = true,
	     .no_enrol = true, .code = E_ENROL_LIMIT),
	EACH("enrol", "5.4", "its known devices are served", .no_enrol = true),

	/* the same of volume, as far as it is new */
	{"revoked", "4", "volume: a revoked license", VOLUME, .revoked = true, .code = E_LICENSE_REVOKED},
	{"revoked", "4", "volume: a revoked host", VOLUME, .host_revoked = true,
	 .code = E_CERTIFICATE_REVOKED},
	{"cancelled", "3", "volume: cancelled", VOLUME, .cancelled = NOW - 1, .code = E_GRANT_CANCELLED},
	{"cancelled", "3", "a term that is over is told before", VOLUME, .cancelled = NOW - 1,
	 .end = NOW - DAYS(31), .code = E_GRANT_ENDED},
	{"self_service", "3", "volume: bought by a user", VOLUME, .self_service = true,
	 .code = E_SELF_SERVICE},
	{"self_service", "3", "volume: taken over", VOLUME, .self_service = true, .taken_over = 1},
	{"term", "3", "volume: extended, and the lease reaches as far", VOLUME, .end = NOW - DAYS(40),
	 .extended = NOW + DAYS(5), .expires = NOW + DAYS(35), .notice = E_GRANT_ENDED},

	/* plans_fit: of what is not assigned */
	{"plans_fit", "3", "two that exclude each other", VOLUME, .plans_wanted = 5, .code = E_PLAN_CONFLICT,
	 .plan = 0, .other_plan = 2},
	{"plans_fit", "3", "all, when two of them exclude each other", POOL, .code = E_PLAN_CONFLICT,
	 .plan = 0, .other_plan = 2, .plans = ALL_PLANS},
	{"plans_fit", "3", "either of the two", POOL, .plans_wanted = 4, .plans_after = 4},
	{"plans_fit", "3", "one without what it needs", POOL, .plans_wanted = 8, .code = E_PLAN_DEPENDENCY,
	 .plan = 3, .other_plan = 1},
	{"plans_fit", "3", "with what it needs", VOLUME, .plans_wanted = 10, .plans_after = 10},
	{"plans_fit", "3", "a grant that lacks what its plan needs", VOLUME, .plans = 8,
	 .code = E_PLAN_DEPENDENCY},
	{"plans_fit", "3", "a product without plans", VOLUME, .no_product = true, .plans_wanted = 5},
	{"plans_fit", "3", "of seats the assignments decide, not the wish", DEVICE, .plans = 5,
	 .plans_wanted = 5, .plans_after = 5},

	/* enrol_key */
	{"enrol_key", "5.4", "a stranger without the pool's key", POOL, .enrol = ENROL_KEY, .stranger = true,
	 .code = E_ENROL_KEY_NEEDED, .state = ABSENT},
	{"enrol_key", "5.4", "a known one that holds nothing needs it, too", POOL, .enrol = ENROL_KEY,
	 .code = E_ENROL_KEY_NEEDED},
	{"enrol_key", "5.4", "a wrong key", POOL, .enrol = ENROL_KEY, .stranger = true, .key = KEY_WRONG,
	 .code = E_ENROL_KEY_WRONG},
	{"enrol_key", "5.4", "the right key", POOL, .enrol = ENROL_KEY, .stranger = true, .key = KEY_RIGHT},
	{"enrol_key", "5.4", "who holds an activation needs none", POOL, .enrol = ENROL_KEY, HELD},
	{"enrol_key", "5.4", "nor is a wrong one looked at", POOL, .enrol = ENROL_KEY, HELD,
	 .key = KEY_WRONG},
	{"enrol_key", "5.4", "who gave it back needs it again", POOL, .enrol = ENROL_KEY, .holding = RELEASED,
	 .code = E_ENROL_KEY_NEEDED},
	{"enrol_key", "5.4", "a reinstalled machine shows the key again: parts can be tried out", POOL,
	 .enrol = ENROL_KEY, .twin = LEASED(3, NOW + DAYS(900)), .reinstalled = true, .stranger = true,
	 .code = E_ENROL_KEY_NEEDED},
	{"enrol_key", "5.4", "and takes over its place with it", POOL, .enrol = ENROL_KEY, .key = KEY_RIGHT,
	 .twin = LEASED(3, NOW + DAYS(900)), .reinstalled = true, .stranger = true, .takes_over = true},
	{"enrol_key", "5.4", "one that only looks like it has not", POOL, .enrol = ENROL_KEY,
	 .twin = LEASED(3, NOW + DAYS(900)), .stranger = true, .code = E_ENROL_KEY_NEEDED},
	{"enrol_key", "5.4", "open: none is asked for", POOL, .stranger = true},
	{"enrol_key", "5.4", "volume may ask for one", VOLUME, .enrol = ENROL_KEY, .stranger = true,
	 .code = E_ENROL_KEY_NEEDED},
	{"enrol_key", "5.4", "and be shown it", VOLUME, .enrol = ENROL_KEY, .stranger = true,
	 .key = KEY_RIGHT},
	{"enrol_key", "5.4", "seats need an assignment anyway", DEVICE, .enrol = ENROL_KEY, .stranger = true},

	/* enrol_approval */
	{"enrol_approval", "5.4", "a stranger stands in the lists", POOL, .enrol = ENROL_APPROVE,
	 .stranger = true, .code = E_APPROVAL_PENDING, .state = HOLDING_PENDING, .serial = ABSENT},
	{"enrol_approval", "5.4", "asking again changes nothing", POOL, .enrol = ENROL_APPROVE,
	 .holding = {.state = HOLDING_PENDING, .contacted = NOW - 9}, .code = E_APPROVAL_PENDING,
	 .state = HOLDING_PENDING},
	{"enrol_approval", "5.4", "approved", POOL, .enrol = ENROL_APPROVE, .approved = true, .serial = 1,
	 .holding = {.state = HOLDING_PENDING, .contacted = NOW - 9}},
	{"enrol_approval", "5.4", "who holds an activation was approved", POOL, .enrol = ENROL_APPROVE, HELD},
	{"enrol_approval", "5.4", "volume: a pending one is not counted", VOLUME, .enrol = ENROL_APPROVE,
	 .stranger = true, .code = E_APPROVAL_PENDING, .state = HOLDING_PENDING},
	{"enrol_approval", "5.4", "volume: approved", VOLUME, .enrol = ENROL_APPROVE, .approved = true},
	{"enrol_approval", "5.4", "a key does not replace it", POOL, .enrol = ENROL_APPROVE, .key = KEY_RIGHT,
	 .code = E_APPROVAL_PENDING},
	{"enrol_approval", "5.4", "a blocked one is not even pending", POOL, .enrol = ENROL_APPROVE,
	 .blocked = true, .stranger = true, .code = E_DEVICE_BLOCKED, .state = ABSENT},

	/* ceiling: the cure, and what keys add */
	{"ceiling", "3", "more than the newer license has: who has one renews for 90 days", VOLUME,
	 .quantity = 5, .active = 10, .over_since = NOW - DAYS(90) + 1, HELD, .notice = ABSENT},
	{"ceiling", "3", "then no more", VOLUME, .quantity = 5, .active = 10, .over_since = NOW - DAYS(90),
	 HELD, .code = E_QUANTITY_EXCEEDED, .used = 10, .quantity_told = 5, .state = HOLDING_ACTIVE,
	 .serial = 4},
	{"ceiling", "3", "unless the vendor lets it be passed", VOLUME, .quantity = 5, .active = 10,
	 .over_since = NOW - DAYS(90), HELD, .overage = OVERAGE_REPORT, .notice = E_QUANTITY_EXCEEDED},
	{"ceiling", "3", "one of the first as many renews when others are gone", VOLUME, .quantity = 5,
	 .active = 5, .over_since = NOW - DAYS(100), HELD},
	{"ceiling", "3", "a new one gets none during the cure", VOLUME, .quantity = 5, .active = 10,
	 .over_since = NOW - DAYS(1), .code = E_QUANTITY_EXCEEDED},
	{"ceiling", "3", "a redeemed key adds places", VOLUME, .quantity = 5, .extra = 2, .active = 6},
	{"ceiling", "3", "and no more than it says", VOLUME, .quantity = 5, .extra = 2, .active = 7,
	 .code = E_QUANTITY_EXCEEDED, .used = 7, .quantity_told = 7},
	{"ceiling", "3", "no quantity stays none, whatever was redeemed", VOLUME, .extra = 2, .active = 700},

	/* pool_place: one activation for each device */
	{"pool_place", "3", "the last place", POOL, .quantity = 100, .active = 99, .stranger = true,
	 .units = 1},
	{"pool_place", "3", "the 101st of 100", POOL, .quantity = 100, .active = 100, .stranger = true,
	 .code = E_POOL_EXHAUSTED, .used = 100, .quantity_told = 100, .state = ABSENT},
	{"pool_place", "3", "more than there are, after the pool shrank", POOL, .quantity = 90, .active = 100,
	 .code = E_POOL_EXHAUSTED, .used = 100, .quantity_told = 90},
	{"pool_place", "3", "who holds one keeps it then", POOL, .quantity = 90, .active = 100, HELD,
	 .units = 1},
	{"pool_place", "3", "the same machine again costs nothing", POOL, .quantity = 100, .active = 100,
	 .holding = LEASED(20, 0), .serial = 5, .units = 1},
	{"pool_place", "3", "a redeemed key adds places", POOL, .quantity = 100, .extra = 1, .active = 100},
	{"pool_place", "3", "no more than it says", POOL, .quantity = 100, .extra = 1, .active = 101,
	 .code = E_POOL_EXHAUSTED, .used = 101, .quantity_told = 101},
	{"pool_place", "3", "who gave it back takes one again", POOL, .quantity = 100, .active = 99,
	 .holding = RELEASED, .serial = 5, .units = 1},
	{"pool_place", "3", "when there is one", POOL, .quantity = 100, .active = 100, .holding = RELEASED,
	 .code = E_POOL_EXHAUSTED, .state = HOLDING_RELEASED},
	{"pool_place", "3", "a lease that ended lost its place", POOL, .quantity = 100, .active = 100,
	 .holding = LEASED(40, NOW - DAYS(1)), .code = E_POOL_EXHAUSTED, .state = HOLDING_ACTIVE,
	 .serial = 4},
	{"pool_place", "3", "on its last day not yet", POOL, .quantity = 100, .active = 100,
	 .holding = LEASED(30, NOW - 60)},
	{"pool_place", "3", "at 79 of 100 nothing is said", POOL, .quantity = 100, .active = 78,
	 .notice = ABSENT},
	{"pool_place", "3", "the 80th warns", POOL, .quantity = 100, .active = 79, .notice = E_POOL_LOW},
	{"pool_place", "3", "the 95th too", POOL, .quantity = 100, .active = 94, .notice = E_POOL_LOW},
	{"pool_place", "3", "who comes again is not warned", POOL, .quantity = 100, .active = 99, HELD,
	 .notice = ABSENT},

	/* pool_place: hardware tolerance; weights are 2, 4, 2, 2, 1, 1, 1, 4 */
	{"pool_place", "5.4", "all parts are the same", POOL, .quantity = 1, .active = 1, HELD,
	 .stored = ID | UUID | BOARD | DISK, .shown = ID | UUID | BOARD | DISK, .units = 1},
	{"pool_place", "5.4", "exactly 60 per cent agree: 6 of 10", POOL, .quantity = 1, .active = 1, HELD,
	 .stored = ID | UUID | BOARD | DISK, .shown = ID | UUID | BOARD | DISK, .changed = BOARD | DISK,
	 .units = 1},
	{"pool_place", "5.4", "under 60 per cent: 4 of 10", POOL, .quantity = 5, .active = 1, HELD,
	 .stored = ID | UUID | BOARD | DISK, .shown = ID | UUID | BOARD | DISK, .changed = UUID | DISK,
	 .units = 2, .serial = 5},
	{"pool_place", "5.4", "just under: 7 of 12 (58 per cent)", POOL, .quantity = 1, .active = 1, HELD,
	 .stored = ID | UUID | BOARD | DISK | MAC | CPU, .shown = ID | UUID | BOARD | DISK | MAC | CPU,
	 .changed = BOARD | DISK | CPU, .code = E_POOL_EXHAUSTED, .state = HOLDING_ACTIVE, .units = 1},
	{"pool_place", "5.4", "just over: 8 of 13 (61 per cent)", POOL, .quantity = 1, .active = 1, HELD,
	 .stored = ID | UUID | BOARD | DISK | MAC | CPU | MEMORY,
	 .shown = ID | UUID | BOARD | DISK | MAC | CPU | MEMORY, .changed = BOARD | DISK | MEMORY,
	 .units = 1},
	{"pool_place", "5.4", "out of tolerance takes another place", POOL, .quantity = 2, .active = 1, HELD,
	 .stored = ID | UUID, .shown = ID | UUID, .changed = UUID, .units = 2},
	{"pool_place", "5.4", "a third one the next time", POOL, .quantity = 9, .active = 2,
	 .holding = {.state = HOLDING_ACTIVE, .contacted = NOW - 9, .serial = 4, .units = 2},
	 .stored = ID | UUID, .shown = ID | UUID, .changed = ID | UUID, .units = 3},
	{"pool_place", "5.4", "or is refused, and keeps what it has", POOL, .quantity = 1, .active = 1, HELD,
	 .stored = ID | UUID, .shown = ID | UUID, .changed = UUID, .code = E_POOL_EXHAUSTED, .used = 1,
	 .quantity_told = 1, .state = HOLDING_ACTIVE, .units = 1, .serial = 4},
	{"pool_place", "5.4", "what cannot be read is no mismatch", POOL, .quantity = 1, .active = 1, HELD,
	 .stored = ID | UUID | BOARD | DISK, .shown = ID | MAC, .units = 1},
	{"pool_place", "5.4", "nothing is shown", POOL, .quantity = 1, .active = 1, HELD, .stored = ID | UUID,
	 .units = 1},
	{"pool_place", "5.4", "nothing was stored", POOL, .quantity = 1, .active = 1, HELD,
	 .shown = ID | UUID, .units = 1},
	{"pool_place", "5.4", "nothing in common", POOL, .quantity = 1, .active = 1, HELD, .stored = ID | CPU,
	 .shown = UUID | DISK, .units = 1},
	{"pool_place", "5.4", "6 of 8, but none of UUID, board, TPM and disk", POOL, .quantity = 1,
	 .active = 1, HELD, .stored = ID | MAC | CPU | MEMORY | BOARD,
	 .shown = ID | MAC | CPU | MEMORY | BOARD, .changed = BOARD, .code = E_POOL_EXHAUSTED},
	{"pool_place", "5.4", "one of the strong kinds is enough", POOL, .quantity = 1, .active = 1, HELD,
	 .stored = ID | UUID | BOARD, .shown = ID | UUID | BOARD, .changed = BOARD, .units = 1},
	{"pool_place", "5.4", "the TPM is one of them", POOL, .quantity = 1, .active = 1, HELD,
	 .stored = TPM | DISK, .shown = TPM | DISK, .changed = DISK, .units = 1},
	{"pool_place", "5.4", "where no strong kind can be read, the others decide", POOL, .quantity = 1,
	 .active = 1, HELD, .stored = ID | MAC | CPU, .shown = ID | MAC | CPU, .changed = MAC, .units = 1},
	{"pool_place", "5.4", "and refuse", POOL, .quantity = 1, .active = 1, HELD, .stored = ID | MAC | CPU,
	 .shown = ID | MAC | CPU, .changed = ID, .code = E_POOL_EXHAUSTED},
	{"pool_place", "5.4", "the vendor may ask for more than 60 per cent", POOL, .quantity = 1,
	 .active = 1, HELD, .percent = 61, .stored = ID | UUID | BOARD | DISK,
	 .shown = ID | UUID | BOARD | DISK, .changed = BOARD | DISK, .code = E_POOL_EXHAUSTED},

	/* pool_place: a new id on known hardware */
	{"pool_place", "5.4", "a twin that is alive keeps its place", POOL, .quantity = 2, .active = 1,
	 .twin = LEASED(1, NOW + DAYS(900)), .stranger = true, .units = 1},
	{"pool_place", "5.4", "and the new id finds none", POOL, .quantity = 1, .active = 1,
	 .twin = LEASED(1, NOW + DAYS(900)), .stranger = true, .code = E_POOL_EXHAUSTED},
	{"pool_place", "5.4", "--reinstalled takes it over", POOL, .quantity = 1, .active = 1,
	 .twin = LEASED(1, NOW + DAYS(900)), .stranger = true, .reinstalled = true, .takes_over = true,
	 .serial = 1, .units = 1},
	{"pool_place", "5.4", "with as many places as it had", POOL, .quantity = 3, .active = 3,
	 .twin = {.state = HOLDING_ACTIVE, .activated = NOW - DAYS(50), .contacted = NOW - 9, .units = 3},
	 .stranger = true, .reinstalled = true, .takes_over = true, .units = 3},
	{"pool_place", "5.4", "one that never renews is silent by nature", POOL, .quantity = 1, .active = 1,
	 .twin = LEASED(400, 0), .stranger = true, .code = E_POOL_EXHAUSTED},
	{"pool_place", "5.4", "silent for a whole interval beyond its renewal", POOL, .quantity = 1,
	 .active = 1, .renew = 10080, .twin = LEASED(14, NOW + DAYS(16)), .stranger = true,
	 .takes_over = true},
	{"pool_place", "5.4", "a day less is not silent", POOL, .quantity = 1, .active = 1, .renew = 10080,
	 .twin = LEASED(13, NOW + DAYS(16)), .stranger = true, .code = E_POOL_EXHAUSTED},
	{"pool_place", "5.4", "a twin that gave its place back has none to give", POOL, .quantity = 1,
	 .active = 1, .twin = RELEASED, .stranger = true, .reinstalled = true, .code = E_POOL_EXHAUSTED},
	{"pool_place", "5.4", "a free one is taken as by anybody", POOL, .quantity = 2, .active = 1,
	 .twin = RELEASED, .stranger = true, .reinstalled = true, .units = 1},
	{"pool_place", "5.4", "nor does one whose lease has ended", POOL, .quantity = 1, .active = 1,
	 .renew = 10080, .twin = LEASED(40, NOW - DAYS(10)), .stranger = true, .reinstalled = true,
	 .code = E_POOL_EXHAUSTED},
	{"pool_place", "5.4", "nor one that only waits for approval", POOL, .quantity = 1, .active = 1,
	 .twin = {.state = HOLDING_PENDING, .contacted = NOW - 9}, .stranger = true, .reinstalled = true,
	 .code = E_POOL_EXHAUSTED},

	/* the leases of the models */
	{"pool_place", "3", "perpetual: until the grant's end and grace", POOL, .end = NOW + DAYS(1000),
	 .expires = NOW + DAYS(1030), .renew_after = NOW + DAYS(1000)},
	{"pool_place", "3", "machines that renew have the window", POOL, .renew = 10080,
	 .expires = NOW + DAYS(30), .renew_after = NOW + DAYS(7)},
	{"pool_place", "3", "or a lease that is shorter", POOL, .renew = 1440, .lease_days = 14,
	 .expires = NOW + DAYS(14)},
	{"pool_place", "3", "but none that is longer than the window", POOL, .renew = 1440, .lease_days = 200,
	 .expires = NOW + DAYS(30)},
	{"pool_place", "3", "a certificate may shorten the perpetual one", POOL, .lease_days_max = 90,
	 .expires = NOW + DAYS(90), .renew_after = NOW + DAYS(60)},
	{"seat", "3", "a device's lease of 90 days, renewed after 7", DEVICE, .expires = NOW + DAYS(90),
	 .renew_after = NOW + DAYS(7)},
	{"seat", "3", "a user's lease of 30 days, renewed daily", OF_USER, .expires = NOW + DAYS(30),
	 .renew_after = NOW + DAYS(1)},
	{"seat", "3", "a shared one of 30 days, renewed near its end", SHARED, .expires = NOW + DAYS(30),
	 .renew_after = NOW + DAYS(25)},
	{"seat", "4", "none lasts longer than the grace", OF_USER, .end = NOW - DAYS(20),
	 .expires = NOW + DAYS(10)},

	/* signin */
	{"signin", "3", "nobody is signed in", OF_USER, .nobody = true, .code = E_SIGNIN_NEEDED},
	{"signin", "3", "somebody who never signed in here", OF_USER, .unbound = true,
	 .code = E_SIGNIN_NEEDED},
	{"signin", "3", "signed in", OF_USER},
	{"signin", "3", "shared: nobody is signed in", SHARED, .nobody = true, .code = E_SIGNIN_NEEDED},
	{"signin", "3", "shared: never signed in here", SHARED, .unbound = true, .code = E_SIGNIN_NEEDED},
	{"signin", "3", "and is told so before the mark is looked at", SHARED, .nobody = true,
	 .not_shared = true, .code = E_SIGNIN_NEEDED},
	{"signin", "3", "users do not matter to a device's seat", DEVICE, .nobody = true},

	/* seat */
	{"seat", "3", "device: not assigned", DEVICE, .no_seat = true, .code = E_NOT_ASSIGNED},
	{"seat", "3", "user: not assigned", OF_USER, .no_seat = true, .code = E_NOT_ASSIGNED},
	{"seat", "3", "shared: not assigned", SHARED, .no_seat = true, .code = E_NOT_ASSIGNED},
	{"seat", "3", "device: a seat of another grant", DEVICE, .other_seat = true, .code = E_NOT_ASSIGNED},
	{"seat", "3", "user: a seat of another grant", OF_USER, .other_seat = true, .code = E_NOT_ASSIGNED},
	{"seat", "3", "device: it waits, and is told for what", DEVICE, .no_seat = true,
	 .seat_code = E_SEATS_EXHAUSTED, .code = E_SEATS_EXHAUSTED},
	{"seat", "3", "user: its plans exclude each other", OF_USER, .no_seat = true,
	 .seat_code = E_PLAN_CONFLICT, .code = E_PLAN_CONFLICT},
	{"seat", "3", "user: what does not conflict is served", OF_USER, .seat_code = E_PLAN_CONFLICT,
	 .seat_plans = 1, .plans_after = 1},
	{"seat", "3", "who lost the seat is refused, the lease runs out", OF_USER, .no_seat = true, HELD,
	 .code = E_NOT_ASSIGNED, .state = HOLDING_ACTIVE, .serial = 4, .expires = NOW + DAYS(9)},
	{"seat", "3", "a seat of all plans", DEVICE, .plans = 3, .plans_after = 3},
	{"seat", "3", "a seat of one", DEVICE, .plans = 3, .seat_plans = 2, .plans_after = 2},
	{"seat", "3", "of a seat only some may be wanted", OF_USER, .plans = 3, .plans_wanted = 1,
	 .plans_after = 1},
	{"seat", "3", "what is not the seat's is not given", OF_USER, .plans = 3, .seat_plans = 2,
	 .plans_wanted = 3, .plans_after = 2},
	{"seat", "3", "a stranger that was assigned before it was seen", DEVICE, .stranger = true,
	 .serial = 1},

	/* reset */
	{"reset", "3", "a user's activation is on the device", DEVICE, .held_by_users = true,
	 .code = E_RESET_REQUIRED},
	{"reset", "3", "also when it renews", DEVICE, .held_by_users = true, HELD, .code = E_RESET_REQUIRED,
	 .state = HOLDING_ACTIVE},
	{"reset", "3", "the seat is asked for first", DEVICE, .held_by_users = true, .no_seat = true,
	 .code = E_NOT_ASSIGNED},
	{"reset", "3", "users do not disturb each other", OF_USER, .held_by_users = true},
	{"reset", "3", "nor a shared machine", SHARED, .held_by_users = true},
	{"reset", "3", "none is there", DEVICE, .serial = 1},

	/* shared_device */
	{"shared_device", "3", "a device that is not marked", SHARED, .not_shared = true,
	 .code = E_DEVICE_NOT_SHARED},
	{"shared_device", "3", "one that was marked", SHARED, .serial = 1},
	{"shared_device", "3", "the mark was taken away: nothing renews", SHARED, .not_shared = true, HELD,
	 .code = E_DEVICE_NOT_SHARED, .state = HOLDING_ACTIVE, .serial = 4},
	{"shared_device", "3", "a user's license needs no mark", OF_USER, .not_shared = true},

	/* device_limit */
	{"device_limit", "3", "the fifth of five", OF_USER, .devices_used = 4},
	{"device_limit", "3", "the sixth", OF_USER, .devices_used = 5, .code = E_DEVICE_LIMIT, .used = 5,
	 .quantity_told = 5},
	{"device_limit", "3", "the second of one", OF_USER, .devices_per_user = 1, .devices_used = 1,
	 .code = E_DEVICE_LIMIT, .used = 1, .quantity_told = 1},
	{"device_limit", "3", "a vendor without a limit", OF_USER, .unlimited = true, .devices_used = 500},
	{"device_limit", "3", "released by policy: the one used least recently", OF_USER, .devices_used = 5,
	 .overflow = OVERFLOW_RELEASE, .oldest = LEASED(20, NOW + DAYS(9)), .evicts = true},
	{"device_limit", "3", "not while there is room", OF_USER, .devices_used = 4,
	 .overflow = OVERFLOW_RELEASE, .oldest = LEASED(20, NOW + DAYS(9))},
	{"device_limit", "3", "a shared machine uses none of them", OF_USER, .shared = true,
	 .devices_used = 5},
	{"device_limit", "3", "nor releases one", OF_USER, .shared = true, .devices_used = 5,
	 .overflow = OVERFLOW_RELEASE, .oldest = LEASED(20, NOW + DAYS(9))},
	{"device_limit", "3", "a shared license on a shared machine has no such limit", SHARED,
	 .devices_used = 50},
	{"device_limit", "3", "who is active there renews, though the vendor lowered it", OF_USER,
	 .devices_per_user = 2, .devices_used = 4, HELD, .serial = 5},
	{"device_limit", "3", "and releases nobody", OF_USER, .devices_per_user = 2, .devices_used = 4, HELD,
	 .overflow = OVERFLOW_RELEASE, .oldest = LEASED(20, NOW + DAYS(9))},
	{"device_limit", "3", "whose lease ended asks like a new one", OF_USER, .devices_used = 5,
	 .holding = LEASED(40, NOW - DAYS(10)), .code = E_DEVICE_LIMIT, .state = HOLDING_ACTIVE},
	{"device_limit", "3", "who signed out asks like a new one", OF_USER, .devices_used = 5,
	 .holding = RELEASED, .code = E_DEVICE_LIMIT},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* modeler excludes draft, extra needs render; the grants of most rows have modeler and render. */
static const struct product *product(void)
{
	static const struct product p = {.id = "acme-cad",
					 .plans = {{.id = "modeler", .conflicts = 4},
						   {.id = "render"},
						   {.id = "draft"},
						   {.id = "extra", .requires = 2}},
					 .n_plans = 4};
	return &p;
}

/* The plans that the grant of a row has. */
static uint32_t plans_of(const struct row *row)
{
	if (row->plans)
		return row->plans;
	return row->plans_wanted && !model_seats(row->model) ? ALL_PLANS : row->plans_wanted ? 1 : 3;
}

static void set_parts(const struct row *row, bool now_shown, struct hardware *ret)
{
	unsigned kinds = now_shown ? row->shown : row->stored;
	for (uint8_t kind = 1; kind <= HARDWARE_KINDS; kind++) {
		if (!(kinds & PART(kind)))
			continue;
		ret->parts[ret->n].kind = kind;
		ret->parts[ret->n++].tag = now_shown && (row->changed & PART(kind)) ? 999 : kind;
	}
}

static void set_policy(const struct row *row, struct grant_policy *p)
{
	*p = model_policy(row->model);
	p->enrol = row->enrol;
	p->overflow = row->overflow;
	p->overage = row->overage;
	if (row->renew)
		p->renew_minutes = row->renew;
	if (row->lease_days)
		p->lease_days = row->lease_days;
	if (row->percent)
		p->hardware_percent = row->percent;
	if (row->devices_per_user || row->unlimited)
		p->devices_per_user = row->devices_per_user;
}

static void usual(const struct row *row, struct candidate *c)
{
	bool open_end = row->model == MODEL_VOLUME;
	*c = (struct candidate){.grant = GRANT,
				.id = "cad",
				.model = row->model,
				.nbf = row->nbf ? row->nbf : NOW - DAYS(500),
				.end = row->end ? row->end : NOW + DAYS(1000),
				.quantity = row->quantity || open_end ? row->quantity : 1000,
				.plans = plans_of(row),
				.lease_days_max = row->lease_days_max,
				.certified_until = row->certified_until,
				.covers_version = !row->not_covered,
				.plans_wanted = row->plans_wanted,
				.plan_unknown = row->plan_unknown,
				.product = row->no_product ? NULL : product(),
				.self_service = row->self_service,
				.revoked = row->revoked,
				.host_revoked = row->host_revoked,
				.key = row->key,
				.active = row->active,
				.marks = {.cancelled = row->cancelled,
					  .taken_over = row->taken_over,
					  .over_since = row->over_since,
					  .extra = row->extra,
					  .extended = row->extended},
				.holding = row->holding,
				.twin = {row->twin.state ? 55 : 0, row->twin},
				.held_by_users = row->held_by_users,
				.devices_used = row->devices_used,
				.oldest_device = row->oldest.state ? 66 : 0,
				.oldest = row->oldest};
	c->grace_end = c->end + DAYS(30);
	set_policy(row, &c->policy);
	set_parts(row, false, &c->hardware);
	c->count = bucket_counts(&c->holding, NOW, c->policy.window_days) ? 1 : 0;
}

static struct seat seat_of(const struct row *row)
{
	return (struct seat){.grant = row->no_seat      ? 0
				      : row->other_seat ? OTHER
							: GRANT,
			     .plans = row->seat_plans,
			     .direct = true,
			     .code = row->seat_code};
}

static void decide_row(const struct row *row, struct candidate *c, struct verdict *v)
{
	struct device_facts device = {.known = !row->stranger,
				      .blocked = row->blocked,
				      .approved = row->approved,
				      .shared =
					      row->shared || (row->model == MODEL_SHARED && !row->not_shared),
				      .user = row->nobody ? 0 : USER,
				      .bound = !row->nobody && !row->unbound};
	struct line_facts line = {.n_candidates = 1, .product = "acme-cad", .reinstalled = row->reinstalled};
	struct policy_terms terms = {.may_enrol = !row->no_enrol};
	usual(row, c);
	set_parts(row, true, &line.machine);
	if (row->model == MODEL_DEVICE)
		line.device_seat = seat_of(row);
	else if (model_of_users(row->model))
		line.user_seat = seat_of(row);
	line.candidates[0] = *c;
	policy_decide(&device, &line, &terms, NOW, v);
}

/* --- judging --- */

static bool matches(const struct row *row, const struct verdict *v)
{
	bool ok = same("code", row->code, v->code) & same("chosen", 0, v->chosen);
	ok &= maybe("used", row->used, v->numbers.used, -1);
	ok &= maybe("quantity", row->quantity_told, v->numbers.quantity, -1);
	ok &= maybe("until", row->until, v->numbers.until, -1);
	ok &= maybe("state", row->code ? (int)row->state : HOLDING_ACTIVE, v->holding.state, HOLDING_NONE);
	ok &= maybe("expires", row->expires, v->holding.expires, 0);
	ok &= maybe("renew_after", row->renew_after, v->renew_after, 0);
	ok &= maybe("serial", row->serial, v->holding.serial, 0);
	ok &= maybe("units", row->units, v->holding.units, 0);
	ok &= maybe("plans", row->plans_after, v->holding.plans, 0);
	ok &= same("takes over", row->takes_over, v->takes_over) & same("evicts", row->evicts, v->evicts);
	ok &= matches_notice(row->notice, v);
	if (row->code == E_PLAN_CONFLICT && !model_seats(row->model))
		ok &= same("plan", row->plan, v->trouble.plan) &
		      same("other plan", row->other_plan, v->trouble.other);
	return ok;
}

/* What is true of every verdict, whatever the row. */
static bool is_sound(const struct row *row, const struct candidate *c, const struct verdict *v)
{
	bool keeps = v->code == E_APPROVAL_PENDING || v->code == E_QUANTITY_EXCEEDED;
	bool ok = same("whose", model_of_users(row->model), v->of_user);
	if (v->code && !keeps)
		return ok & same("a refusal changes no holding", 1, same_holding(&c->holding, &v->holding)) &
		       same("nor its places", c->holding.units, v->holding.units);
	ok &= same("contacted", NOW, v->holding.contacted);
	if (v->code)
		return ok & same("expires", c->holding.expires, v->holding.expires);
	int64_t moved = row->extended > c->end ? row->extended - c->end : 0;
	ok &= same("serial rises", c->holding.serial + 1, v->holding.serial);
	ok &= same("within the grace", 1, v->holding.expires <= c->grace_end + moved);
	ok &= same("ends later", 1, v->holding.expires > NOW);
	ok &= same("renewal before the end", 1, v->renew_after > NOW && v->renew_after < v->holding.expires);
	ok &= same("plans of the grant", 0, v->holding.plans & ~c->plans);
	ok &= same("a place at least", 1, v->holding.units >= 1);
	ok &= same("renewal", c->holding.state == HOLDING_ACTIVE, v->renewal);
	return ok & same("activated", v->renewal || v->takes_over ? NOW - DAYS(50) : NOW,
			 c->holding.activated || !v->renewal ? v->holding.activated : NOW - DAYS(50));
}

/* With test_server_policy.c at least 200. */
static void test_every_row(void **state)
{
	size_t failed = 0;
	(void)state;
	print_message("%zu rows\n", ROWS);
	assert_true(ROWS >= 180);
	for (size_t i = 0; i < ROWS; i++) {
		struct candidate c;
		struct verdict v;
		decide_row(&rows[i], &c, &v);
		bool ok = matches(&rows[i], &v);
		ok &= is_sound(&rows[i], &c, &v);
		if (!ok) {
			print_error("row %zu: %s, DESIGN %s: %s\n", i, rows[i].rule, rows[i].section,
				    rows[i].what);
			failed++;
		}
	}
	assert_int_equal(failed, 0);
}

/* Refused for each model that the rule concerns, and passed. What only concerns volume stands in
 * test_server_policy.c. */
static void test_every_rule_has_rows_for_and_against(void **state)
{
	size_t n;
	size_t missing = 0;
	const struct policy_rule *rules = policy_rules(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		size_t passed = 0;
		size_t refused[MODEL_COUNT] = {0};
		for (size_t j = 0; j < ROWS; j++) {
			bool ours = strcmp(rows[j].rule, rules[i].name) == 0;
			passed += ours && !rows[j].code;
			refused[rows[j].model] += ours && rows[j].code;
		}
		for (int model = MODEL_POOL; model < MODEL_COUNT; model++) {
			bool never = strcmp(rules[i].name, "device_limit") == 0 && model == MODEL_SHARED;
			if (!(rules[i].models & 1u << model) || (passed && (refused[model] || never)))
				continue;
			print_error("rule %s, model %s: no row for, or none against\n", rules[i].name,
				    model_name((enum model)model));
			missing++;
		}
	}
	assert_int_equal(missing, 0);
}

static void test_every_row_names_a_rule(void **state)
{
	size_t n;
	const struct policy_rule *rules = policy_rules(&n);
	(void)state;
	for (size_t j = 0; j < ROWS; j++) {
		bool found = false;
		for (size_t i = 0; i < n; i++)
			found |= strcmp(rows[j].rule, rules[i].name) == 0 &&
				 (rules[i].models & 1u << rows[j].model || !rows[j].code);
		if (!found)
			print_error("row %zu: rule %s does not concern its model\n", j, rows[j].rule);
		assert_true(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_every_rule_has_rows_for_and_against),
		cmocka_unit_test(test_every_row_names_a_rule),
	};
	return cmocka_run_group_tests_name("server/domain/policy: models", tests, NULL, NULL);
}
