// How a receiver in C# checks that a delivery comes from Switchboard (Standard Webhooks 1.0.0).

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

public static class Verify
{
    /// <summary>How far the clocks of sender and receiver may differ.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Says whether the secret (whsec_…) of your endpoint signed this body, just now. The headers have lower-case names; the
    /// body is what was received, byte by byte: verify before you parse. Answer 401 where it is false.
    /// </summary>
    public static bool Delivery(string secret, IReadOnlyDictionary<string, string> headers, byte[] body, DateTimeOffset now)
    {
        if (!headers.TryGetValue("webhook-id", out var id) || id.Length == 0
            || !headers.TryGetValue("webhook-timestamp", out var stamp) || stamp.Length > 10
            || !long.TryParse(stamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || (now - DateTimeOffset.FromUnixTimeSeconds(seconds)).Duration() > Tolerance
            || !headers.TryGetValue("webhook-signature", out var signatures))
        {
            return false;
        }
        var key = Convert.FromBase64String(secret.StartsWith("whsec_", StringComparison.Ordinal) ? secret.Substring("whsec_".Length) : secret);
        byte[] want;
        using (var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key))
        {
            mac.AppendData(Encoding.UTF8.GetBytes($"{id}.{stamp}."));
            mac.AppendData(body);
            want = mac.GetHashAndReset();
        }
        // While a secret is being replaced there is a signature of each.
        foreach (var signature in signatures.Split(' '))
        {
            var got = new byte[want.Length];
            if (signature.StartsWith("v1,", StringComparison.Ordinal)
                && Convert.TryFromBase64String(signature.Substring(3), got, out var length) && length == want.Length
                && CryptographicOperations.FixedTimeEquals(got, want)) // takes as long for a wrong one
            {
                return true;
            }
        }
        return false;
    }
}
