-- SPDX-License-Identifier: Apache-2.0
-- Machines that ask by file.

CREATE TABLE offline (               -- a request by file that was granted, so that it is granted once
	num    INTEGER PRIMARY KEY,
	device INTEGER NOT NULL,
	token  BLOB NOT NULL,        -- its number
	at     INTEGER NOT NULL,
	answer BLOB NOT NULL,        -- inputs of its answer
	UNIQUE (device, token)
);
