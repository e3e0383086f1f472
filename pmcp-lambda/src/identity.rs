//! Who calls, as an authorizer in front of the function found it.
//!
//! Whoever may invoke the function directly writes the event by hand, and with it what an authorizer is said to have
//! found. So nothing of it counts until the author of the server says that it is to be trusted.

use std::sync::Arc;

use http::Extensions;
use pmcp_core::Principal;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, value::RawValue};

use crate::{Authorizer, Config, event::RequestContext};

/// What a trusted authorizer found out about the caller: the claims of a token, the context of a Lambda authorizer, or
/// the IAM identity, as API Gateway passes it on.
///
/// A handler has it from [`Context::extension`](pmcp_core::Context::extension).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizerContext {
    /// What has checked.
    pub authorizer: Authorizer,
    /// What it found, such as the claim `email`.
    pub values: Arc<Map<String, Value>>,
}

/// What the fronts write under `authorizer`, each in its own place.
#[derive(Default, Deserialize)]
struct Found {
    jwt: Option<Jwt>,
    lambda: Option<Map<String, Value>>,
    iam: Option<Map<String, Value>>,
    /// Of REST APIs: a Cognito authorizer's claims.
    claims: Option<Map<String, Value>>,
    /// Of REST APIs: what a Lambda authorizer says besides.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct Jwt {
    claims: Map<String, Value>,
}

/// Puts who calls beside the request, where the author trusts what says so.
pub(crate) fn trust(extensions: &mut Extensions, context: &RequestContext<'_>, config: &Config) {
    if config.trusted_authorizers.is_empty() {
        return;
    }
    let found = context.authorizer.and_then(parse::<Found>).unwrap_or_default();
    let text = |values: &Map<String, Value>, name: &str| values.get(name).and_then(Value::as_str).map(str::to_owned);
    let of_token = |claims: &Map<String, Value>| {
        let issuer = text(claims, "iss").unwrap_or_default();
        Some(format!("jwt:{issuer}|{}", text(claims, "sub")?))
    };
    let of_lambda = |values: &Map<String, Value>| Some(format!("lambda:{}", text(values, "principalId")?));
    let of_role = |values: &Map<String, Value>| Some(format!("iam:{}", text(values, "userArn")?));
    // A REST API says under `identity` who signed, and says it of requests that nobody signed with null.
    let signed = || context.identity.and_then(parse::<Map<String, Value>>);
    let known = [
        (Authorizer::Jwt, found.jwt.map(|jwt| jwt.claims).or(found.claims), &of_token as &dyn Fn(&_) -> _),
        (Authorizer::Lambda, found.lambda.or_else(|| (!found.rest.is_empty()).then_some(found.rest)), &of_lambda),
        (Authorizer::Iam, found.iam.or_else(signed), &of_role),
    ];
    for (authorizer, values, principal) in known {
        let Some(values) = values.filter(|_| config.trusts(authorizer)) else { continue };
        if let Some(principal) = principal(&values) {
            extensions.insert(Principal(principal.into()));
            extensions.insert(AuthorizerContext { authorizer, values: Arc::new(values) });
            return;
        }
    }
}

/// What cannot be read speaks for nobody; the author, who expects it, learns why.
fn parse<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    let parsed = serde_json::from_str::<Option<T>>(raw.get());
    parsed.unwrap_or_else(|error| {
        tracing::warn!(%error, "what the event says of the caller cannot be read");
        None
    })
}
