//! Signature Version 4, which requests to AWS carry, for the one kind of request that is made here: a `POST` to `/`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::Write as _;
use std::time::Duration;

use pmcp_core::protocol::timestamp;
use ring::{digest, hmac};

/// Who signs.
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
    /// What temporary ones come with.
    pub(crate) token: Option<String>,
}

/// What is signed.
pub(crate) struct Signed<'a> {
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) host: &'a str,
    /// `X-Amz-Target`: the operation.
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
}

pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

impl Signed<'_> {
    /// The headers of the request but for `Host`; `now` is since 1970.
    pub(crate) fn headers(&self, credentials: &Credentials, now: Duration) -> Vec<(&'static str, String)> {
        let time = encode_time(now);
        let date = time.get(..8).unwrap_or_default();
        // In the order of their names.
        let mut headers = vec![
            ("content-type", CONTENT_TYPE.to_owned()),
            ("host", self.host.to_owned()),
            ("x-amz-date", time.clone()),
        ];
        headers.extend(credentials.token.clone().map(|token| ("x-amz-security-token", token)));
        headers.push(("x-amz-target", self.target.to_owned()));

        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let request = format!("POST\n/\n\n{lines}\n{names}\n{}", hash(self.body));
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(request.as_bytes()));

        let mut key = format!("AWS4{}", credentials.secret).into_bytes();
        for part in [date, self.region, self.service, "aws4_request"] {
            key = sign(&key, part).as_ref().to_vec();
        }
        let signature = hex(sign(&key, &text).as_ref());
        let id = &credentials.id;
        headers.retain(|(name, _)| *name != "host");
        let value = format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        headers.push(("authorization", value));
        headers
    }
}

fn sign(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// As `20261122T184500Z`.
fn encode_time(since_1970: Duration) -> String {
    let whole = timestamp(Duration::from_secs(since_1970.as_secs()));
    whole.replace(".000", "").replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signatures that botocore makes of the same requests.
    #[test]
    fn signs_as_the_sdks_of_aws_do() {
        let signed = Signed {
            service: "secretsmanager",
            region: "eu-central-1",
            host: "secretsmanager.eu-central-1.amazonaws.com",
            target: "secretsmanager.GetSecretValue",
            body: br#"{"SecretId":"arn:aws:secretsmanager:eu-central-1:123456789012:secret:crm/KEY-a1b2c3"}"#,
        };
        let now = Duration::from_secs(1_440_938_160);
        for (token, signature) in [
            (None, "79420221fb3ff2a7023a3deb6007bfb709aa3b5d0b216edaed62a4f833ea3af5"),
            (Some("a/session+token=="), "5261cb01aa0832db7801740f2c49160ca71be0f9ca63e06ffa45e4d2d0faf02b"),
        ] {
            let credentials = Credentials {
                id: "AKIDEXAMPLE".into(),
                secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
                token: token.map(str::to_owned),
            };
            let headers = signed.headers(&credentials, now);
            let (_, value) = headers.iter().find(|(name, _)| *name == "authorization").expect("is signed");
            assert!(value.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/secretsmanager/"));
            assert!(value.ends_with(&format!("Signature={signature}")), "{value}");
        }
    }
}
