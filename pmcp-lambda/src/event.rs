//! The HTTP requests that API Gateway, Function URLs and load balancers wrap into events.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>

use std::{collections::HashMap, fmt};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Who wrapped the request, and so how the answer must be wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// A REST API, or an HTTP API with payload format 1.0.
    Rest,
    /// An HTTP API with payload format 2.0.
    Http,
    FunctionUrl,
    /// A load balancer, with or without several values a header.
    Alb {
        multi_value: bool,
    },
}

impl Front {
    /// Its name in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest-api",
            Self::Http => "http-api",
            Self::FunctionUrl => "function-url",
            Self::Alb { .. } => "alb",
        }
    }

    /// Whether it can pass on an answer that is still being made.
    pub(crate) fn can_stream(self) -> bool {
        matches!(self, Self::Rest | Self::FunctionUrl)
    }

    /// The longest answer that it takes in one piece, in bytes of JSON, and what that limit is called.
    pub(crate) fn answer_limit(self) -> (usize, &'static str) {
        match self {
            Self::Alb { .. } => (1 << 20, "1 MB, the limit of a load balancer"),
            _ => (6 << 20, "6 MB, the limit of AWS Lambda for answers that are not streamed"),
        }
    }
}

/// An event as it comes: what one front has and another lacks is optional.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    http_method: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) raw_path: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) path_parameters: Option<HashMap<String, String>>,
    pub(crate) headers: Option<Headers>,
    pub(crate) multi_value_headers: Option<Headers>,
    pub(crate) cookies: Option<Vec<String>>,
    pub(crate) body: Option<String>,
    pub(crate) is_base64_encoded: Option<bool>,
    #[serde(borrow)]
    pub(crate) request_context: RequestContext<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestContext<'a> {
    elb: Option<IgnoredAny>,
    http: Option<HttpDescription>,
    api_id: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) stage: Option<String>,
    pub(crate) domain_name: Option<String>,
    #[serde(borrow)]
    pub(crate) authorizer: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) identity: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct HttpDescription {
    method: String,
}

/// The event is no HTTP request, or not whole.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "This function answers HTTP requests: let API Gateway, a Function URL or a load balancer invoke it. The event is \
     none of theirs: {0}."
)]
pub(crate) struct NotHttp(pub(crate) String);

impl<'a> Event<'a> {
    /// Reads an event.
    ///
    /// # Errors
    /// What of it is not as in the event of any front.
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, NotHttp> {
        serde_json::from_slice(json).map_err(|error| NotHttp(error.to_string()))
    }

    /// Who wrapped it, and the verb of the request.
    pub(crate) fn front(&self) -> Result<(Front, &str), NotHttp> {
        let context = &self.request_context;
        if let Some(http) = &context.http {
            // Only what has an API's id can be an API; Function URLs have one too, and a domain of their own.
            let is_url = context.api_id.is_none()
                || context.domain_name.as_deref().is_some_and(|domain| domain.contains(".lambda-url."));
            return Ok((if is_url { Front::FunctionUrl } else { Front::Http }, &http.method));
        }
        let method = self.http_method.as_deref().ok_or_else(|| NotHttp("it has no httpMethod".to_owned()))?;
        Ok(match context.elb {
            Some(_) => (Front::Alb { multi_value: self.multi_value_headers.is_some() }, method),
            None => (Front::Rest, method),
        })
    }
}

/// More are no request of anybody's, and more than the map takes.
pub(crate) const TOO_MANY: &str = "it has more headers than a request may have";

/// Headers with one value each, or a list of values.
pub(crate) struct Headers(pub(crate) HeaderMap);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
    None(()),
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = HeaderMap::with_capacity(map.size_hint().unwrap_or(16));
        while let Some((name, values)) = map.next_entry::<String, Values>()? {
            let unfit = || de::Error::custom(format_args!("{name:?} is no header of HTTP"));
            let name: HeaderName = name.parse().map_err(|_| unfit())?;
            let values = match values {
                Values::One(value) => vec![value],
                Values::Many(values) => values,
                Values::None(()) => continue,
            };
            for value in values {
                let value = HeaderValue::try_from(value).map_err(|_| unfit())?;
                headers.try_append(&name, value).map_err(|_| de::Error::custom(TOO_MANY))?;
            }
        }
        Ok(Headers(headers))
    }
}
