"""How a receiver in Python checks that a delivery comes from Switchboard (Standard Webhooks 1.0.0)."""

import base64
import binascii
import hashlib
import hmac
import re
import time

TOLERANCE = 300  # seconds that the clocks of sender and receiver may differ


def verify(secret, headers, body, now=None):
    """Say whether the secret (whsec_...) of your endpoint signed this body, just now.

    headers is a mapping with lower-case names. body is what was received, byte by byte (request.get_data(), not
    request.json): verify before you parse. Answer 401 where it is False.
    """
    message_id = headers.get("webhook-id", "")
    stamp = headers.get("webhook-timestamp", "")
    now = time.time() if now is None else now
    if not message_id or not re.fullmatch("[0-9]{1,15}", stamp) or abs(now - int(stamp)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    want = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    # While a secret is being replaced there is a signature of each.
    for signature in headers.get("webhook-signature", "").split(" "):
        version, _, text = signature.partition(",")
        try:
            got = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        if version == "v1" and hmac.compare_digest(got, want):  # takes as long for a wrong one
            return True
    return False
