<?php
// How a receiver in PHP checks that a delivery comes from Switchboard (Standard Webhooks 1.0.0).

declare(strict_types=1);

/**
 * Says whether the secret (whsec_…) of your endpoint signed this body, just now. $headers has lower-case names; $body is
 * file_get_contents('php://input'), byte by byte: verify before you parse. Answer 401 where it is false.
 */
function verify(string $secret, array $headers, string $body, ?int $now = null): bool
{
    $tolerance = 300; // seconds that the clocks of sender and receiver may differ
    $id = $headers['webhook-id'] ?? '';
    $stamp = $headers['webhook-timestamp'] ?? '';
    if ($id === '' || preg_match('/\A\d{1,15}\z/', $stamp) !== 1 || abs(($now ?? time()) - (int) $stamp) > $tolerance) {
        return false;
    }
    $key = base64_decode(preg_replace('/\Awhsec_/', '', $secret), true);
    if ($key === false || $key === '') {
        throw new InvalidArgumentException('this is no secret of an endpoint');
    }
    $want = hash_hmac('sha256', "$id.$stamp.$body", $key, true);
    // While a secret is being replaced there is a signature of each.
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $signature) {
        $got = str_starts_with($signature, 'v1,') ? base64_decode(substr($signature, 3), true) : false;
        if ($got !== false && hash_equals($want, $got)) { // takes as long for a wrong one
            return true;
        }
    }
    return false;
}
