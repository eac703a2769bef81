-- SPDX-License-Identifier: Apache-2.0
-- Machines that ask by telephone.

CREATE TABLE voice (                 -- the last confirmation of an installation id
	num         INTEGER PRIMARY KEY,
	device      INTEGER NOT NULL,        -- that stands for it
	iid         BLOB NOT NULL UNIQUE,
	entitlement INTEGER NOT NULL,
	sequence    INTEGER NOT NULL,
	day         INTEGER NOT NULL,        -- when it ends, in days since 2020
	flags       INTEGER NOT NULL,
	in_row      INTEGER NOT NULL,        -- confirmations by digits since a contact by network or file
	at          INTEGER NOT NULL
);
CREATE INDEX voice_device ON voice (device);
