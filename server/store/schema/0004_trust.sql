-- SPDX-License-Identifier: Apache-2.0
-- Copies of machines, and machines that were put back to an older state.

ALTER TABLE device ADD COLUMN forked_from BLOB; -- id of the device that it was a copy of; NULL: of none
ALTER TABLE ratchet ADD COLUMN machine BLOB NOT NULL DEFAULT x''; -- parts of the machine that turned it last

CREATE TABLE branch (                -- the end of what a device had before it was put back
	num    INTEGER PRIMARY KEY,
	device INTEGER NOT NULL,
	mark   BLOB NOT NULL,        -- hash of its last ratchet
	token  BLOB NOT NULL,        -- and of its last request's token
	at     INTEGER NOT NULL,
	UNIQUE (device, mark)
);
