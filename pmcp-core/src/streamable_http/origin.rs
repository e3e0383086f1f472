//! Who may call: `Host` and `Origin` (specification page `basic/transports/streamable-http`, "Security").
//!
//! A web page that points its own name at 127.0.0.1 (DNS rebinding) sends a foreign `Host`, and any page that calls
//! from elsewhere a foreign `Origin`. Programs send no `Origin`.

use http::{HeaderMap, header, request};

use super::Refusal;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names that the server answers to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hosts {
    /// Whatever the platform routes here.
    Any,
    /// The machine's own names, on any port.
    Loopback,
    /// These, in lower case, with a port or for any port.
    Only(Vec<String>),
}

impl Hosts {
    pub(super) fn loopback() -> Self {
        Self::Loopback
    }

    pub(super) fn only(hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::Only(hosts.into_iter().map(|host| host.into().to_ascii_lowercase()).collect())
    }

    /// The host that the client meant, with its port where it named one: HTTP/2 has it in the URI. None is left to
    /// [`check`](Self::check); two are no request at all (RFC 9112, section 3.2).
    pub(super) fn named_by<'h>(&self, head: &'h request::Parts) -> Result<Option<&'h str>, Refusal> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        match (head.uri.authority(), hosts.next(), hosts.next()) {
            (_, Some(_), Some(_)) => Err(Refusal::invalid_request("A request has one Host header, not more.")),
            (Some(authority), Some(host), None) if host.to_str().is_ok_and(|host| host != authority.as_str()) => {
                match self {
                    // Whoever routes requests may write the target anew, and the page that asked knows the header's name.
                    Self::Any => Ok(host.to_str().ok()),
                    // The target names it too (RFC 9112, section 3.2.2; HTTP/2 always): two names are one too many.
                    _ => Err(Refusal::invalid_request(
                        "The target of the request and its Host header name different hosts.",
                    )),
                }
            }
            (Some(authority), _, _) => Ok(Some(authority.as_str())),
            (_, Some(host), None) => Ok(Some(host.to_str().unwrap_or_default())),
            (None, None, _) => Ok(None),
        }
    }

    pub(super) fn check(&self, host: Option<&str>) -> Result<(), Refusal> {
        let allowed = match (self, host) {
            (Self::Any, _) => true,
            (_, None) => return Err(Refusal::invalid_request("A request must say in its Host header whom it is for.")),
            (Self::Loopback, Some(host)) => is_loopback(host),
            (Self::Only(hosts), Some(host)) => {
                let names = |known: &String| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(name(host));
                hosts.iter().any(names)
            }
        };
        if allowed {
            return Ok(());
        }
        let host = host.unwrap_or("none");
        Err(Refusal::forbidden(format!(
            "This server does not answer to the host {host:?}; add it to the allowed hosts to call it so."
        )))
    }
}

/// The web pages that the server answers besides those of its own origin.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<String>);

impl Origins {
    pub(super) fn only(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(origins.into_iter().map(|origin| origin.into().trim_end_matches('/').to_ascii_lowercase()).collect())
    }

    pub(super) fn check(&self, headers: &HeaderMap, host: Option<&str>, hosts: &Hosts) -> Result<(), Refusal> {
        for origin in headers.get_all(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or_default();
            let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            let own = authority.is_some() && authority == host;
            let beside = *hosts == Hosts::Loopback && authority.is_some_and(is_loopback);
            if !(own || beside || self.0.iter().any(|known| known.eq_ignore_ascii_case(origin))) {
                return Err(Refusal::forbidden(format!(
                    "Web pages of the origin {origin:?} may not call this server; add it to the allowed origins."
                )));
            }
        }
        Ok(())
    }
}

fn is_loopback(host: &str) -> bool {
    let name = name(host);
    LOOPBACK.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// `host` without its port.
fn name(host: &str) -> &str {
    host.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix(':').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn origin(origin: &'static str, host: &str, hosts: &Hosts, known: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        Origins::only(known.iter().copied()).check(&headers, Some(host), hosts).is_ok()
    }

    #[test]
    fn loopback_names_only() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:80", "[::1]"] {
            assert!(Hosts::Loopback.check(Some(host)).is_ok(), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "::1"] {
            assert!(Hosts::Loopback.check(Some(host)).is_err(), "{host}");
        }
        assert!(Hosts::Loopback.check(None).is_err());
    }

    #[test]
    fn named_hosts_with_and_without_port() {
        let hosts = Hosts::only(["MCP.example.com", "localhost:8080"]);
        assert!(hosts.check(Some("mcp.example.com:443")).is_ok());
        assert!(hosts.check(Some("localhost:8080")).is_ok());
        assert!(hosts.check(Some("localhost:9090")).is_err());
    }

    #[test]
    fn own_and_named_origins() {
        assert!(origin("https://a.example", "a.example", &Hosts::Any, &[]));
        assert!(!origin("https://b.example", "a.example", &Hosts::Any, &[]));
        assert!(origin("https://b.example", "a.example", &Hosts::Any, &["https://B.example/"]));
        assert!(origin("http://localhost:6274", "127.0.0.1:8080", &Hosts::Loopback, &[]));
        assert!(!origin("http://localhost:6274", "a.example", &Hosts::Any, &[]));
        assert!(!origin("null", "localhost", &Hosts::Loopback, &[]));
    }
}
