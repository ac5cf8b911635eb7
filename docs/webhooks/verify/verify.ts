// How a receiver in TypeScript (Node.js) checks that a delivery comes from Switchboard (Standard Webhooks 1.0.0).
import { createHmac, createPublicKey, timingSafeEqual, verify as verifySignature } from "node:crypto";

/** How many seconds the clocks of sender and receiver may differ. */
const tolerance = 300;

type Headers = Record<string, string | undefined>;

/**
 * Says whether the secret (whsec_…) of your endpoint signed this body, just now. The body is what was received, byte by
 * byte (express.raw, not express.json): verify before you parse. Answer 401 where it is false.
 */
export function verify(secret: string, headers: Headers, body: Uint8Array, now = Date.now() / 1000): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  return check("v1,", headers, body, now, (content, signature) => {
    const want = Buffer.from(createHmac("sha256", key).update(content).digest("base64"));
    const got = Buffer.from(signature);
    return got.length === want.length && timingSafeEqual(got, want); // takes as long for a wrong one
  });
}

/** Is verify for who holds the public key (whpk_…) of an endpoint alone, and so could not have signed. */
export function verifyByKey(publicKey: string, headers: Headers, body: Uint8Array, now = Date.now() / 1000): boolean {
  const x = Buffer.from(publicKey.replace(/^whpk_/, ""), "base64").toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return check("v1a,", headers, body, now, (content, signature) => verifySignature(null, content, key, Buffer.from(signature, "base64")));
}

function check(scheme: string, headers: Headers, body: Uint8Array, now: number, holds: (content: Buffer, signature: string) => boolean): boolean {
  const id = headers["webhook-id"];
  const stamp = headers["webhook-timestamp"];
  if (!id || !stamp || !/^\d{1,15}$/.test(stamp) || Math.abs(now - Number(stamp)) > tolerance) {
    return false;
  }
  const content = Buffer.concat([Buffer.from(`${id}.${stamp}.`), body]);
  // While a secret is being replaced there is a signature of each.
  const signatures = (headers["webhook-signature"] ?? "").split(" ").filter((s) => s.startsWith(scheme));
  return signatures.some((s) => holds(content, s.slice(scheme.length)));
}
