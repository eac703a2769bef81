-- SPDX-License-Identifier: Apache-2.0
-- Pools, seats, users, groups, subscriptions. Tables of records.def have num and one unique key.

ALTER TABLE device ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;   -- many users' machine
ALTER TABLE device ADD COLUMN approved INTEGER NOT NULL DEFAULT 0; -- for grants with enrol = approve

ALTER TABLE entitlement ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;  -- when
ALTER TABLE entitlement ADD COLUMN taken_over INTEGER NOT NULL DEFAULT 0; -- when a self-service grant became ours
ALTER TABLE entitlement ADD COLUMN over_since INTEGER NOT NULL DEFAULT 0; -- more seats taken than there are, since
ALTER TABLE entitlement ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;     -- per cent of a pool that was warned of
ALTER TABLE entitlement ADD COLUMN extra INTEGER NOT NULL DEFAULT 0;      -- quantity added by redeemed keys
ALTER TABLE entitlement ADD COLUMN extended INTEGER NOT NULL DEFAULT 0;   -- end moved to by redeemed keys

CREATE TABLE activation_2 (          -- what a device, or a user on it, holds of a grant
	device      INTEGER NOT NULL,
	entitlement INTEGER NOT NULL,
	user        INTEGER NOT NULL DEFAULT 0, -- 0: the device's own
	state       INTEGER NOT NULL, -- enum holding_state
	activated   INTEGER NOT NULL,
	renewed     INTEGER NOT NULL,
	contacted   INTEGER NOT NULL,
	expires     INTEGER NOT NULL, -- 0: perpetual
	serial      INTEGER NOT NULL,
	plans       INTEGER NOT NULL,
	units       INTEGER NOT NULL DEFAULT 1, -- places it takes: a pool's, after hardware changes, more than one
	PRIMARY KEY (device, entitlement, user)
) WITHOUT ROWID;
INSERT INTO activation_2 (device, entitlement, state, activated, renewed, contacted, expires, serial, plans)
	SELECT device, entitlement, state, activated, renewed, contacted, expires, serial, plans FROM activation;
DROP TABLE activation;
ALTER TABLE activation_2 RENAME TO activation;
CREATE INDEX activation_user ON activation (user) WHERE user <> 0;

CREATE TABLE user (
	num     INTEGER PRIMARY KEY AUTOINCREMENT, -- never given again: old activations name it
	name    TEXT NOT NULL UNIQUE,
	display TEXT NOT NULL,
	guest   INTEGER NOT NULL,
	created INTEGER NOT NULL
);
CREATE INDEX user_guest ON user (guest);

CREATE TABLE circle (                -- a group of users (kind 0) or of devices (kind 1)
	num     INTEGER PRIMARY KEY,
	kind    INTEGER NOT NULL,
	name    TEXT NOT NULL,
	pattern TEXT NOT NULL,       -- hostnames that propose members; '': none
	created INTEGER NOT NULL,
	UNIQUE (kind, name)
);

CREATE TABLE membership (            -- kind: 0 user, 1 device, 2 group
	num    INTEGER PRIMARY KEY,
	kind   INTEGER NOT NULL,
	member INTEGER NOT NULL,
	circle INTEGER NOT NULL,
	UNIQUE (kind, member, circle)
);
CREATE INDEX membership_circle ON membership (circle, kind, member);

CREATE TABLE assignment (            -- a source of rights; kind as in membership
	num         INTEGER PRIMARY KEY,
	kind        INTEGER NOT NULL,
	subject     INTEGER NOT NULL,
	product     TEXT NOT NULL,
	entitlement INTEGER NOT NULL, -- 0: any grant that has room
	plans       TEXT NOT NULL,    -- ids with commas between; '': all
	at          INTEGER NOT NULL,
	UNIQUE (kind, subject, product)
);
CREATE INDEX assignment_product ON assignment (product);

CREATE TABLE seat (                  -- what follows from the sources for one holder; kind 0 user, 1 device
	num         INTEGER PRIMARY KEY,
	kind        INTEGER NOT NULL,
	holder      INTEGER NOT NULL,
	product     TEXT NOT NULL,
	entitlement INTEGER NOT NULL, -- the grant that gives it; 0: none
	plans       INTEGER NOT NULL, -- bits of the grant's product; 0: all
	direct      INTEGER NOT NULL, -- a source is the holder's own
	code        INTEGER NOT NULL, -- 0, or why it is not as the sources want it
	since       INTEGER NOT NULL, -- when grant or code changed last
	detail      TEXT NOT NULL,    -- what the code is about
	UNIQUE (kind, holder, product)
);
CREATE INDEX seat_waiting ON seat (product, since) WHERE entitlement = 0;
CREATE INDEX seat_entitlement ON seat (entitlement, since);
CREATE INDEX seat_product ON seat (product);

CREATE TABLE waiting (               -- derived: how many wait for a seat of each product
	product TEXT PRIMARY KEY,
	n       INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE signin (                -- the one-time code of a user
	num   INTEGER PRIMARY KEY,
	user  INTEGER NOT NULL UNIQUE,
	hash  BLOB NOT NULL,
	made  INTEGER NOT NULL,
	tries INTEGER NOT NULL
);

CREATE TABLE binding (               -- who has signed in where
	num    INTEGER PRIMARY KEY,
	device INTEGER NOT NULL,
	user   INTEGER NOT NULL,
	at     INTEGER NOT NULL,
	UNIQUE (device, user)
);
CREATE INDEX binding_user ON binding (user);

CREATE TABLE redeemed (              -- product keys that were redeemed
	num         INTEGER PRIMARY KEY,
	hash        BLOB NOT NULL UNIQUE,
	entitlement INTEGER NOT NULL,
	quantity    INTEGER NOT NULL,
	extended    INTEGER NOT NULL, -- the end that it moved the grant to; 0: none
	at          INTEGER NOT NULL
);
CREATE INDEX redeemed_entitlement ON redeemed (entitlement);

CREATE TABLE enrolkey (              -- with which a new device joins a device group
	num    INTEGER PRIMARY KEY,
	hash   BLOB NOT NULL UNIQUE,
	circle INTEGER NOT NULL,
	uses   INTEGER NOT NULL,     -- 0: without end
	used   INTEGER NOT NULL,
	until  INTEGER NOT NULL      -- 0: for ever
);

CREATE TABLE hardware (              -- what a pool's device looked like when it was activated
	num         INTEGER PRIMARY KEY,
	device      INTEGER NOT NULL,
	entitlement INTEGER NOT NULL,
	parts       BLOB NOT NULL,   -- kind and tag, 3 bytes each
	UNIQUE (device, entitlement)
);

CREATE TABLE hardwaretag (           -- its parts that tell one machine from another, to find it again
	num         INTEGER PRIMARY KEY,
	entitlement INTEGER NOT NULL,
	tag         INTEGER NOT NULL, -- kind * 65536 + tag
	device      INTEGER NOT NULL,
	UNIQUE (entitlement, tag, device)
);
CREATE INDEX hardwaretag_device ON hardwaretag (device);

CREATE TABLE revocation (            -- the vendor's newest list
	num       INTEGER PRIMARY KEY,
	vendor    TEXT NOT NULL UNIQUE,
	number    INTEGER NOT NULL,
	token     TEXT NOT NULL,
	installed INTEGER NOT NULL
);
