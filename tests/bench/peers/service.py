# SPDX-License-Identifier: Apache-2.0
"""
What a team writes by hand when it needs licenses counted: FastAPI, SQLite and Ed25519. The same work as a host's: verify who
asks, put device and activation on record, durable before the answer, and sign a lease. Started by peers.py under uvicorn.
"""
import base64
import json
import os
import sqlite3
import time

import nacl.exceptions
import nacl.signing
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

LEASE_SECONDS = 180 * 86400

app = FastAPI()
key = nacl.signing.SigningKey(bytes(range(32)))
database = sqlite3.connect(os.environ["PEER_DATABASE"], isolation_level=None, check_same_thread=False)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE IF NOT EXISTS activation (device BLOB PRIMARY KEY, serial INTEGER NOT NULL, until INTEGER NOT NULL, "
                 "lease BLOB NOT NULL) WITHOUT ROWID")


class Activation(BaseModel):
    payload: str
    signature: str
    device: str


@app.post("/activate")
async def activate(asked: Activation):
    device = base64.b64decode(asked.device)
    try:
        nacl.signing.VerifyKey(device).verify(asked.payload.encode(), base64.b64decode(asked.signature))
    except (nacl.exceptions.BadSignatureError, ValueError) as error:
        raise HTTPException(403, "the signature is not the device's") from error
    until = int(time.time()) + LEASE_SECONDS
    lease = json.dumps({"device": asked.device, "product": "acme-cad", "plans": ["modeler", "render"], "org": "fjord", "until": until,
                        "license": "fjord-1", "on_expiry": "notice"})
    signed = key.sign(lease.encode())
    database.execute("INSERT INTO activation VALUES (?, 1, ?, ?) ON CONFLICT (device) DO UPDATE SET serial = serial + 1, "
                     "until = excluded.until, lease = excluded.lease", (device, until, signed))
    return {"lease": lease, "signature": base64.b64encode(signed.signature).decode()}


@app.get("/count")
async def count():
    devices, answers = database.execute("SELECT count(*), coalesce(sum(serial), 0) FROM activation").fetchone()
    return {"devices": devices, "answers": answers, "key": base64.b64encode(bytes(key.verify_key)).decode()}
