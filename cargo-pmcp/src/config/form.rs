//! What single values must look like.

use std::net::Ipv6Addr;

use super::is_region;

/// Something before and after one `@`.
pub(super) fn is_email(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_graphic() && letter != '@');
    text.split_once('@').is_some_and(|(name, domain)| plain(name) && plain(domain) && !domain.starts_with(['.', '-']))
}

/// A name that can stand after `--profile` as well.
pub(super) fn is_profile(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.@+=:/".contains(letter);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
}

/// An id of AWS: a prefix, letters and digits.
pub(super) fn is_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && rest.chars().all(|letter| letter.is_ascii_alphanumeric())
}

/// As Cognito has it: what is visible, without `/`, `"` and `\`.
pub(super) fn is_scope(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_graphic() && !"/\"\\".contains(letter);
    (1..=256).contains(&text.len()) && text.chars().all(fits)
}

/// Whether what is sent to this host does not leave the machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "::1", "[::1]"].contains(&host)
}

/// An address that something secret may be sent to: over TLS, or to this machine. It has nothing but what RFC 3986 lets
/// stand there, and no name or password before its host.
pub(crate) fn is_safe_address(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of IPv6 are between brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_name = |name: &str| {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
        name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.chars().all(fits)
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_name(host),
    };
    let is_port =
        |port: &str| port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse().is_ok_and(|port: u16| port > 0);
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._~%!$&'()*+,;=:@/?".contains(letter);
    is_host
        && port.is_none_or(is_port)
        && path.chars().all(fits)
        && (scheme == "https" || (scheme == "http" && is_loopback(host)))
}

/// An address that Cognito leads back to.
pub(super) fn is_callback(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let is_plain = rest.chars().all(|letter| letter.is_ascii_graphic() && !"#\"\\<>".contains(letter));
    let name = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    is_plain
        && match scheme {
            "https" => !name.is_empty() && !host.contains('@'),
            "http" => is_loopback(name),
            // An app's own.
            _ => {
                scheme.starts_with(|first: char| first.is_ascii_lowercase())
                    && scheme
                        .chars()
                        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "+-.".contains(letter))
                    && !["file", "ftp", "data", "javascript", "ws", "wss"].contains(&scheme)
            }
        }
}

/// Whether this names one entry of Secrets Manager, and one that a function in `region` reads.
pub(super) fn check_secret_arn(arn: &str, region: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.split(':').collect();
    let is_partition = |text: &str| text == "aws" || text.starts_with("aws-");
    let is_account = |text: &str| text.len() == 12 && text.chars().all(|digit| digit.is_ascii_digit());
    let is_name = |text: &str| {
        let letters = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter);
        let (name, end) = text.rsplit_once('-').unwrap_or_default();
        // What Secrets Manager puts behind every name, and only a whole ARN has.
        let is_whole = end.len() == 6 && end.chars().all(|letter| letter.is_ascii_alphanumeric());
        !name.is_empty() && name.chars().all(letters) && is_whole
    };
    match parts[..] {
        ["arn", partition, "secretsmanager", found, account, "secret", name]
            if is_partition(partition) && is_region(found) && is_account(account) && is_name(name) =>
        {
            match found == region {
                true => Ok(()),
                false => {
                    Err(format!("this entry is in {found}, and the function in {region} reads only what is there"))
                }
            }
        }
        _ => {
            Err("must be the whole ARN of one entry: `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-abc123`".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_profiles_and_ids_are_told_from_what_is_none() {
        for (form, right, wrong) in [
            (
                is_email as fn(&str) -> bool,
                &["ops@example.com", "a+b@c"][..],
                &["", "ops", "@b", "a@", "a b@c", "a@b@c"][..],
            ),
            (
                is_profile,
                &["work", "default", "ada@example.com", "123456789012_Admin"],
                &["", "--debug", "a b", "a\nb", "$(x)"],
            ),
            (is_scope, &["read", "crm.read", "a:b"], &["", "read write", "a/b", "a\"b", "ä"]),
            (
                is_callback,
                &[
                    "https://example.com/cb?x=1",
                    "http://localhost:3000/cb",
                    "http://127.0.0.1/",
                    "http://[::1]:80/",
                    "cursor://oauth",
                ],
                &[
                    "",
                    "b",
                    "http://example.com/",
                    "http://localhost.example.com/",
                    "https://",
                    "https:///x",
                    "https://a/#b",
                    "https://a b",
                    "javascript://x",
                    "https://a@b/",
                    "HTTPS://a",
                ],
            ),
        ] {
            for text in right {
                assert!(form(text), "{text:?} is right");
            }
            for text in wrong {
                assert!(!form(text), "{text:?} is wrong");
            }
        }
        assert!(is_id("subnet-0a1b", "subnet-") && !is_id("subnet-", "subnet-") && !is_id("subnet-a b", "subnet-"));
    }

    #[test]
    fn nothing_secret_goes_over_the_network_in_the_clear() {
        for url in [
            "https://api.pmcp.run",
            "https://example.com:8443/a/b%20c/",
            "https://l/auth?tenant=1&x=a@b",
            "https://[2001:db8::1]:443/",
            "http://127.0.0.1:8080/x",
            "http://localhost",
            "http://[::1]:1",
        ] {
            assert!(is_safe_address(url), "{url}");
        }
        for url in [
            "",
            "api.pmcp.run",
            "http://api.pmcp.run",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "http://localhost:x@example.com",
            "http://[::1].example.com",
            "http://[2001:db8::1]/",
            "https://",
            "https:///x",
            "https://:443",
            "https://a:",
            "https://a:0",
            "https://a:+80",
            "https://a:65536",
            "https://a b",
            "https://a\\b",
            "https://a/\u{202e}",
            "https://ä.example.com",
            "https://-a",
            "https://a/#b",
            "https://a/\"b",
            "https://ada@example.com",
            "HTTPS://a",
            "ftp://localhost",
        ] {
            assert!(!is_safe_address(url), "{url}");
        }
    }

    #[test]
    fn an_arn_names_one_entry_of_the_region() {
        let right = "arn:aws:secretsmanager:us-east-1:123456789012:secret:crm/db-a1B2c3";
        assert_eq!(check_secret_arn(right, "us-east-1"), Ok(()));
        assert_eq!(
            check_secret_arn(right, "eu-central-1"),
            Err("this entry is in us-east-1, and the function in eu-central-1 reads only what is there".into())
        );
        for (part, wrong) in [
            ("crm/db-a1B2c3", "*"),
            ("db-a1B2c3", "db-??????"),
            ("-a1B2c3", ""),
            ("us-east-1", "*"),
            ("123456789012", ""),
            ("123456789012", "*"),
            ("secretsmanager", "ssm"),
            ("arn:aws:", "arn:*:"),
            ("arn:aws:", "aws:"),
        ] {
            let arn = right.replace(part, wrong);
            let told = check_secret_arn(&arn, "us-east-1").expect_err(&arn);
            assert!(told.starts_with("must be the whole ARN of one entry: "), "{told}");
        }
    }
}
