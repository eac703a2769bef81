-- SPDX-License-Identifier: Apache-2.0
-- Facts we must never lose. Times are UTC seconds; day is whole days since 1970.

CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE license (
	vendor    TEXT NOT NULL,     -- k4.pid
	id        TEXT NOT NULL,
	serial    INTEGER NOT NULL,
	token     TEXT NOT NULL,     -- as the vendor signed it
	installed INTEGER NOT NULL,
	PRIMARY KEY (vendor, id)
) WITHOUT ROWID;

CREATE TABLE certificate (
	vendor     TEXT NOT NULL,    -- k4.pid
	license    TEXT NOT NULL,
	vendor_key TEXT NOT NULL,    -- k4.public: pinned
	token      TEXT NOT NULL,
	installed  INTEGER NOT NULL,
	PRIMARY KEY (vendor, license)
) WITHOUT ROWID;

CREATE TABLE entitlement (           -- a grant of a license, with a small number of its own
	num         INTEGER PRIMARY KEY,
	vendor      TEXT NOT NULL,
	license     TEXT NOT NULL,
	id          TEXT NOT NULL,
	product     TEXT NOT NULL,
	window_days INTEGER NOT NULL,
	reached     INTEGER NOT NULL DEFAULT 0, -- when the threshold was first met
	below_since INTEGER NOT NULL DEFAULT 0,
	UNIQUE (vendor, license, id)
);

CREATE TABLE device (
	num        INTEGER PRIMARY KEY,
	tag        INTEGER NOT NULL, -- first 63 bits of id: a short index finds it, the whole id decides
	id         BLOB NOT NULL,
	hostname   TEXT NOT NULL,
	os         TEXT NOT NULL,
	agent      TEXT NOT NULL,
	first_seen INTEGER NOT NULL,
	blocked    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX device_tag ON device (tag);

CREATE TABLE activation (            -- what a device holds of a grant
	device      INTEGER NOT NULL,
	entitlement INTEGER NOT NULL,
	state       INTEGER NOT NULL, -- enum holding_state
	activated   INTEGER NOT NULL,
	renewed     INTEGER NOT NULL,
	contacted   INTEGER NOT NULL,
	expires     INTEGER NOT NULL, -- 0: perpetual
	serial      INTEGER NOT NULL,
	plans       INTEGER NOT NULL,
	PRIMARY KEY (device, entitlement)
) WITHOUT ROWID;

CREATE TABLE ratchet (               -- the exactly-once row, apart so that a renewal writes no device row
	device  INTEGER PRIMARY KEY,
	counter INTEGER NOT NULL,
	token   BLOB NOT NULL,
	shown   BLOB NOT NULL,
	at      INTEGER NOT NULL,
	answer  BLOB NOT NULL
);

CREATE TABLE audit (
	seq    INTEGER PRIMARY KEY,
	at     INTEGER NOT NULL,
	actor  TEXT NOT NULL,
	action TEXT NOT NULL,
	object TEXT NOT NULL,
	detail TEXT NOT NULL,        -- JSON
	hash   BLOB NOT NULL         -- over this row and the hash before it
);

-- Derived: can be rebuilt from the tables above, and doctor compares.

CREATE TABLE bucket (
	entitlement INTEGER NOT NULL, -- 0: the whole ledger
	kind        INTEGER NOT NULL, -- enum bucket_kind
	day         INTEGER NOT NULL,
	n           INTEGER NOT NULL,
	PRIMARY KEY (entitlement, kind, day)
) WITHOUT ROWID;

CREATE TABLE daily (
	day         INTEGER NOT NULL,
	what        TEXT NOT NULL,
	entitlement INTEGER NOT NULL,
	n           INTEGER NOT NULL,
	PRIMARY KEY (day, what, entitlement)
) WITHOUT ROWID;
