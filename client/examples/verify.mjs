#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/*
 * Verify a lease with nothing of Muster's: Node 18 and its own crypto. Written after sections 5 and 6 of PROTOCOL.md.
 *
 *     verify.mjs --vendor-key KEY --product ID [--device=ID] LEASE [CERTIFICATE]
 *
 * KEY is the vendor's k4.public..., all of its roots with spaces between them, or its vendor.pub. LEASE is a file that has
 * the lease, and the host certificate where CERTIFICATE is not given: libmuster keeps both in leases/PRODUCT.lease of its
 * state directory. Prints who may use what until when and ends with 0; or why not, and 1.
 *
 * Node has no BLAKE2b of 33 bytes to make a k4.pid. It is not needed: `iss` of the certificate is the vendor's, and the
 * vendor has signed it; `iss` of the lease would be the k4.pid of the very key that verifies it.
 *
 * It is not asked who was revoked: a lease that a machine holds goes on until its end, as libmuster has it. Who wants to know
 * earlier verifies the vendor's list like the certificate, as muster.revocations, and looks there for the `iss` of the lease
 * (hosts), for its `license` (licenses), and for the k4.pid of the keys that signed the certificate and its statement (signers).
 */
import { createPublicKey, verify as verifySignature } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const DAY = 86400000;

class Refused extends Error {}

function demand(condition, why) {
	if (!condition)
		throw new Refused(why);
}

/* An array, not a text that happens to contain it. */
function has(names, name) {
	return Array.isArray(names) && names.includes(name);
}

// --- PASETO v4.public and PASERK ---

/* There is one text for each value: what the library would pass over is refused. */
function decode(text) {
	const data = Buffer.from(text, "base64url");
	demand(data.toString("base64url") === text, "a text is not base64url");
	return data;
}

/* The key as JSON Web Key has it, whose x is the text behind k4.public. */
function keyOf(text) {
	demand(text.startsWith("k4.public."), "a key does not begin with k4.public.");
	const x = text.slice("k4.public.".length);
	demand(decode(x).length === 32, "a key has not 32 bytes");
	return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

function little(n) {
	const out = Buffer.alloc(8);
	out.writeBigUInt64LE(BigInt(n));
	return out;
}

function preAuthentication(...parts) {
	return Buffer.concat([little(parts.length), ...parts.flatMap((part) => [little(part.length), part])]);
}

/* The claims of a token that one of the keys has signed. Nothing is parsed before. */
function claimsOf(token, keys, typ) {
	const parts = /^(v4\.public\.)([\w-]+)(?:\.([\w-]*))?$/.exec(token);
	demand(parts, "this is no v4.public token");
	const [, header, body, footer] = parts;
	const raw = decode(body);
	const payload = raw.subarray(0, -64);
	const signed = preAuthentication(Buffer.from(header), payload, decode(footer ?? ""), Buffer.from(typ));
	demand(keys.some((key) => verifySignature(null, signed, key, raw.subarray(-64))), `the signature of the ${typ} does not hold`);
	const claims = JSON.parse(payload.toString());
	demand(claims.typ === typ && claims.ver === 1 && !claims.crit?.length, `this is no ${typ} of version 1`);
	return claims;
}

/* RFC 3339 in UTC, as milliseconds; parts of a second do not matter. */
function timeOf(text) {
	const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)$/.exec(text);
	const time = parts ? Date.parse(parts[1] + "Z") : NaN;
	demand(!Number.isNaN(time), "a time is not RFC 3339 in UTC");
	return time;
}

// --- the chain: the vendor's key, perhaps an issuing key, the host's key, the lease ---

/* The claims of the host certificate. roots: texts; the first is the vendor's name, whichever signs. */
function certificateOf(token, roots) {
	const keys = roots.map(keyOf);
	const footer = decode(token.split(".")[3]).toString();
	let certificate;
	if (!footer.startsWith("v4.public.")) {
		certificate = claimsOf(token, keys, "muster.certificate");
	} else {
		const statement = claimsOf(footer, keys, "muster.key");
		certificate = claimsOf(token, [keyOf(statement.key)], "muster.certificate");
		demand(statement.iss === certificate.iss, "another vendor's root has let the issuing key sign");
		demand(has(statement.uses, "certificate"), "the issuing key may not sign certificates");
		const [begin, end, made] = [timeOf(statement.nbf), timeOf(statement.exp), timeOf(certificate.iat)];
		demand(begin <= made && made < end && end <= begin + 731 * DAY, "the issuing key's term is over");
	}
	demand(certificate.vendor === roots[0], "the certificate is another vendor's");
	demand(has(certificate.usages, "lease"), "the host may not sign leases");
	return certificate;
}

/* The claims of the lease. device: undefined when it does not matter. Throws Refused. */
function verify(leaseToken, certificateToken, roots, product, device) {
	const certificate = certificateOf(certificateToken, roots);
	const lease = claimsOf(leaseToken, [keyOf(certificate.host.sign)], "muster.lease");
	const signed = timeOf(lease.iat);
	const end = lease.exp == null ? Infinity : timeOf(lease.exp);
	const covered = certificate.products?.length ? certificate.products : [product];
	// A certificate that ended since does not end the leases that were made before.
	demand(timeOf(certificate.nbf) <= signed && signed < timeOf(certificate.exp), "the certificate was not in force when the lease was signed");
	demand(lease.vendor === certificate.iss, "the lease is for another vendor's product");
	demand(lease.org === certificate.org, "lease and certificate are of different organisations");
	demand(lease.license === certificate.license, `the certificate is for another license than ${lease.license}`);
	demand(lease.product === product, `the lease is for ${lease.product}`);
	demand(has(covered, product), `the certificate does not cover ${product}`);
	demand(device === undefined || lease.device === device, `the lease is for the device ${lease.device}`);
	const longest = certificate.lease_days_max ?? 0;
	demand(!longest || end - signed <= longest * DAY, `the lease is for more than ${longest} days`);
	demand(Date.now() < end, `the lease ended ${lease.exp}`);
	return lease;
}

// --- the command ---

/* The token of a block, or the text itself when it is a bare one. */
function tokenIn(text, label) {
	const block = new RegExp(`-----BEGIN MUSTER ${label}-----(.*?)-----END MUSTER ${label}-----`, "s").exec(text);
	const token = (block ? block[1] : text).replace(/\s+/g, "");
	demand(token.startsWith("v4.public."), `there is no ${label} in the file`);
	return token;
}

/* A k4.public each, white space between; # begins a comment. */
function rootsIn(text) {
	const all = !text.startsWith("k4.public.") && existsSync(text) ? readFileSync(text, "utf8") : text;
	return all.replace(/#.*/g, "").split(/\s+/).filter(Boolean);
}

function say(lease) {
	const who = lease.user ? `${lease.user} on the device ${lease.device}` : `the device ${lease.device}`;
	console.log(`${who} of ${lease.org} may use ${lease.product} ${lease.exp ? `until ${lease.exp}` : "without an end"}`);
	console.log(`plans: ${(lease.plans ?? []).join(", ") || "none"}`);
	console.log(`by the grant ${lease.grant} (${lease.model}) of the license ${lease.license}, as serial ${lease.serial}`);
}

function main() {
	const text = { type: "string" };
	try {
		const { values, positionals } = parseArgs({
			options: { "vendor-key": text, product: text, device: text }, allowPositionals: true });
		const [lease, certificate = lease] = positionals;
		demand(values["vendor-key"] && values.product && lease && positionals.length <= 2,
			"usage: verify.mjs --vendor-key KEY --product ID [--device=ID] LEASE [CERTIFICATE]");
		say(verify(tokenIn(readFileSync(lease, "utf8"), "LEASE"), tokenIn(readFileSync(certificate, "utf8"), "CERTIFICATE"),
			rootsIn(values["vendor-key"]), values.product, values.device));
	} catch (error) {
		// Whatever is amiss with a file, it does not hold.
		const why = error instanceof Refused ? error.message : `the file is not as it should be: ${error.message}`;
		console.error(`refused: ${why}`);
		process.exitCode = 1;
	}
}

main();
