// How a receiver in Java checks that a delivery comes from Switchboard (Standard Webhooks 1.0.0).

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public final class Verify {
    /** How far the clocks of sender and receiver may differ. */
    private static final Duration TOLERANCE = Duration.ofMinutes(5);

    private Verify() {}

    /**
     * Says whether the secret (whsec_…) of your endpoint signed this body, just now. The headers have lower-case names; the
     * body is what was received, byte by byte: verify before you parse. Answer 401 where it is false.
     */
    public static boolean verify(String secret, Map<String, String> headers, byte[] body, Instant now) throws GeneralSecurityException {
        String id = headers.getOrDefault("webhook-id", "");
        String stamp = headers.getOrDefault("webhook-timestamp", "");
        if (id.isEmpty() || !stamp.matches("[0-9]{1,10}")
                || Duration.between(Instant.ofEpochSecond(Long.parseLong(stamp)), now).abs().compareTo(TOLERANCE) > 0) {
            return false;
        }
        byte[] key = Base64.getDecoder().decode(secret.replaceFirst("^whsec_", ""));
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        mac.update((id + "." + stamp + ".").getBytes(StandardCharsets.UTF_8));
        byte[] want = mac.doFinal(body);
        // While a secret is being replaced there is a signature of each.
        for (String signature : headers.getOrDefault("webhook-signature", "").split(" ")) {
            if (!signature.startsWith("v1,")) {
                continue;
            }
            try {
                byte[] got = Base64.getDecoder().decode(signature.substring(3));
                if (MessageDigest.isEqual(got, want)) { // takes as long for a wrong one
                    return true;
                }
            } catch (IllegalArgumentException notBase64) {
                continue;
            }
        }
        return false;
    }
}
