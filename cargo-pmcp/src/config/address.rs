//! Addresses of servers, and those that something secret may be sent to.

use std::net::Ipv6Addr;

/// Whether what is sent to this host does not leave the machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "::1", "[::1]"].contains(&host)
}

/// An address that something secret may be sent to: over TLS, or to this machine.
pub(crate) fn is_safe_address(text: &str) -> bool {
    parse(text).is_some_and(|(scheme, host)| scheme == "https" || (scheme == "http" && is_loopback(host)))
}

/// An address of HTTP, however it is reached.
pub(crate) fn is_address(text: &str) -> bool {
    parse(text).is_some_and(|(scheme, _)| ["https", "http"].contains(&scheme))
}

/// The scheme and the host of an address that has nothing but what RFC 3986 lets stand there, and no name or password
/// before its host.
fn parse(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of IPv6 are between brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_name = |name: &str| {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.chars().all(fits)
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_name(host),
    };
    let is_port =
        |port: &str| port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse().is_ok_and(|port: u16| port > 0);
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._~%!$&'()*+,;=:@/?".contains(letter);
    (is_host && port.is_none_or(is_port) && path.chars().all(fits)).then_some((scheme, host))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_address_need_not_be_safe() {
        for url in ["http://mcp.example.com/mcp", "http://my_server:8080/mcp", "https://a", "http://[2001:db8::1]/"] {
            assert!(is_address(url), "{url}");
        }
        for url in ["http://", "http://[::1", "ftp://a", "file:///etc/passwd", "http://a b", "http://ada@a"] {
            assert!(!is_address(url), "{url}");
        }
    }
}
