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
