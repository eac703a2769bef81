-- SPDX-License-Identifier: Apache-2.0
-- What administrators look back on.

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
