-- SPDX-License-Identifier: Apache-2.0
\set device random(1, 100000)
INSERT INTO activation VALUES (:device, 1, 1800000000, decode(repeat('5a', 264), 'hex')) ON CONFLICT (device) DO UPDATE SET serial = activation.serial + 1, until = excluded.until, lease = excluded.lease RETURNING serial;
