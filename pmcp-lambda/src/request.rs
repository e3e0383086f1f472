//! An event as the HTTP request that its client sent.

use std::{borrow::Cow, fmt::Write};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header, header::MaxSizeReached};
use pmcp_core::PublicUrl;

use crate::{
    Config,
    event::{Event, Front, NotHttp, TOO_MANY},
    identity,
};

impl Event<'_> {
    /// The request: its path as the server knows it, its headers and its body as they were sent. Beside it stand the
    /// [`PublicUrl`] and, where an authorizer is trusted, who calls.
    ///
    /// The query is left out: nothing of MCP is in it.
    pub(crate) fn into_request(mut self, config: &Config) -> Result<(Front, Request<Bytes>), NotHttp> {
        let (front, method) = self.front()?;
        let method = method.parse::<Method>().map_err(|_| NotHttp(format!("{method:?} is no verb of HTTP")))?;
        let headers = self.take_headers()?;
        let body = match (self.body.take(), self.is_base64_encoded) {
            (None, _) => Bytes::new(),
            (Some(body), Some(true)) => {
                let bytes = BASE64_STANDARD.decode(body);
                bytes.map_err(|error| NotHttp(format!("its body is not the base64 it is said to be: {error}")))?.into()
            }
            (Some(body), _) => body.into(),
        };
        let (seen, own) = self.paths(front, &config.base_path);
        let uri = Uri::try_from(&*encoded(own)).map_err(|_| NotHttp(format!("{own:?} is no path")))?;

        let mut request = Request::new(body);
        let url = config.public_url.clone().or_else(|| public_url(&headers, seen));
        if let Some(url) = url {
            request.extensions_mut().insert(url);
        }
        identity::trust(request.extensions_mut(), &self.request_context, config);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok((front, request))
    }

    /// Several values of one header where the front passes them on: of the two forms, the one that loses none.
    fn take_headers(&mut self) -> Result<HeaderMap, NotHttp> {
        let headers = self.multi_value_headers.take().filter(|headers| !headers.0.is_empty()).or(self.headers.take());
        let mut headers = headers.map(|headers| headers.0).unwrap_or_default();
        if let Some(cookies) = self.cookies.take().filter(|cookies| !cookies.is_empty()) {
            let cookies = HeaderValue::try_from(cookies.join("; "));
            let cookies = cookies.map_err(|_| NotHttp("its cookies are no header".to_owned()))?;
            headers.try_insert(header::COOKIE, cookies).map_err(too_many)?;
        }
        if let (false, Some(domain)) = (headers.contains_key(header::HOST), &self.request_context.domain_name) {
            let domain = HeaderValue::try_from(domain);
            let domain = domain.map_err(|_| NotHttp("its domainName is no host".to_owned()))?;
            headers.try_insert(header::HOST, domain).map_err(too_many)?;
        }
        Ok(headers)
    }

    /// The path as the client wrote it, and what of it is the server's.
    fn paths(&self, front: Front, base: &str) -> (&str, &str) {
        let context = &self.request_context;
        let path = self.raw_path.as_deref().or(self.path.as_deref()).unwrap_or("/");
        let seen = match front {
            // Without the stage in `path`, and with it here.
            Front::Rest => context.path.as_deref().unwrap_or(path),
            _ => path,
        };
        let own = self.own_by_resource(path).or_else(|| match context.stage.as_deref() {
            None | Some("$default") => None,
            Some(stage) => without(path, &format!("/{stage}")),
        });
        let own = own.unwrap_or(path);
        (seen, without(own, base).unwrap_or(own))
    }

    /// What a REST API's route matched: all before it is a base path mapping of the custom domain.
    fn own_by_resource<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut matched = self.resource.clone().filter(|resource| resource.starts_with('/'))?;
        for (name, value) in self.path_parameters.iter().flatten() {
            matched = matched.replace(&format!("{{{name}+}}"), value).replace(&format!("{{{name}}}"), value);
        }
        let base = path.strip_suffix(&matched)?;
        // It ends with a name: slashes that a client has doubled are none.
        (!base.ends_with('/')).then(|| &path[base.len()..])
    }
}

fn too_many(_: MaxSizeReached) -> NotHttp {
    NotHttp(TOO_MANY.to_owned())
}

/// `path` without `prefix`, which must end where one of its segments does.
fn without<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    match path.strip_prefix(prefix)? {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

/// `path` as a request has it. An HTTP API passes on decoded what the client had encoded, where a `#` or a `?` would end
/// the path: it would be one that the gateway has not seen, and perhaps not let through.
fn encoded(path: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte);
    if path.starts_with('/') && path.bytes().all(is_plain) {
        return path.into();
    }
    let mut encoded = String::from(if path.starts_with('/') { "" } else { "/" });
    for byte in path.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded.into()
}

/// Where the client reached the server, by the names that the front passes on.
fn public_url(headers: &HeaderMap, path: &str) -> Option<PublicUrl> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host")?;
    // A gateway is reached over TLS alone; a load balancer says how it was.
    let scheme = match text("x-forwarded-proto") {
        Some("http") => "http",
        Some(_) => "https",
        None if host.starts_with("localhost") || host.starts_with("127.0.0.1") => "http",
        None => "https",
    };
    Some(PublicUrl(format!("{scheme}://{host}{path}").into()))
}
