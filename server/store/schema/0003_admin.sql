-- SPDX-License-Identifier: Apache-2.0
-- What administrators look back on.

ALTER TABLE device ADD COLUMN skew INTEGER NOT NULL DEFAULT 0; -- seconds that its clock is ahead; 0: none to tell
CREATE INDEX device_skew ON device (skew) WHERE skew <> 0;

CREATE TABLE checkpoint (            -- of the audit chain, signed by the host
	num   INTEGER PRIMARY KEY,
	seq   INTEGER NOT NULL UNIQUE, -- the last row that it covers
	at    INTEGER NOT NULL,
	token TEXT NOT NULL
);

CREATE TABLE denial (                -- who was refused what, and how often
	num     INTEGER PRIMARY KEY,
	device  INTEGER NOT NULL,
	user    INTEGER NOT NULL,    -- 0: the device itself
	product TEXT NOT NULL,
	code    INTEGER NOT NULL,
	began   INTEGER NOT NULL,
	latest  INTEGER NOT NULL,
	n       INTEGER NOT NULL,
	UNIQUE (device, product, user, code)
);
CREATE INDEX denial_latest ON denial (latest);

CREATE TABLE replay (                -- answers remembered for whoever repeats a request with its key
	num     INTEGER PRIMARY KEY,
	name    BLOB NOT NULL UNIQUE, -- keyed hash of the caller and the key
	request BLOB NOT NULL,       -- hash of what was asked
	at      INTEGER NOT NULL,
	answer  BLOB NOT NULL        -- sealed with the caller's key
);
