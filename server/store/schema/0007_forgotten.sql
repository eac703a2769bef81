-- SPDX-License-Identifier: Apache-2.0
-- Devices that an administrator has dropped: what they were given before that lets nobody in again.

CREATE TABLE forgotten (
	num    INTEGER PRIMARY KEY,
	device BLOB NOT NULL UNIQUE,         -- its whole id
	at     INTEGER NOT NULL
);
