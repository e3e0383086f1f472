//! Captured events: what of them reaches the server, and who is believed.

use pmcp_tests::{Front, captured_event};
use serde_json::{Value, json};

use super::{MINUTE, described, probe};

#[test]
fn the_url_is_the_one_that_the_client_wrote() {
    let lambda = probe(&[]);
    let api = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com";
    let url = "abcdefghijklmnopqrstuvwxyz234567.lambda-url.eu-central-1.on.aws";
    for (name, front, expected) in [
        ("rest", Front::Rest, format!("https://{api}/prod/mcp")),
        ("rest-custom-domain", Front::Rest, "https://api.example.com/crm/mcp".to_owned()),
        ("http", Front::Http, format!("https://{api}/mcp")),
        ("http-stage", Front::Http, format!("https://{api}/prod/mcp")),
        ("function-url", Front::FunctionUrl, format!("https://{url}/mcp")),
        ("alb", Front::Alb, "https://crm-lb-1234567890.eu-central-1.elb.amazonaws.com/mcp".to_owned()),
        (
            "alb-multi-value",
            Front::AlbMultiValue,
            "https://crm-lb-1234567890.eu-central-1.elb.amazonaws.com/mcp".to_owned(),
        ),
    ] {
        let known = described(&lambda, front, captured_event(name));
        assert_eq!(known["url"], expected, "{name}");
        assert_eq!(known["trace"], "Root=1-67d2f1aa-0f1e2d3c4b5a69788796a5b4;Sampled=1", "{name}");
        assert_eq!(known["principal"], Value::Null, "{name}");
    }
}

#[test]
fn a_path_that_only_the_author_knows_is_configured() {
    let env = [("PMCP_BASE_PATH", "/crm/"), ("PMCP_PUBLIC_URL", "https://mcp.example.com/crm/mcp")];
    let lambda = probe(&env);
    let mut event = captured_event("alb");
    event["path"] = json!("/crm/mcp");
    event["headers"]["x-forwarded-proto"] = json!("http");
    assert_eq!(described(&lambda, Front::Alb, event.clone())["url"], "https://mcp.example.com/crm/mcp");
    event["path"] = json!("/crmmcp");
    assert_eq!(Front::Alb.unwrap(lambda.invoke(&event, MINUTE)).status(), 404);
    event["path"] = json!("/crm/health");
    event["httpMethod"] = json!("GET");
    let health = Front::Alb.unwrap(lambda.invoke(&event, MINUTE));
    assert_eq!((health.status(), health.text().as_str()), (200, "ok\n"));
}

#[test]
fn a_path_that_came_decoded_is_no_other_path() {
    let lambda = probe(&[]);
    for path in ["/mcp#x", "/mcp?x", "/mcp ", "/my notes", "/\"<\n", "http://example.com/mcp", ""] {
        let mut event = captured_event("http");
        event["rawPath"] = json!(path);
        assert_eq!(Front::Http.unwrap(lambda.invoke(&event, MINUTE)).status(), 404, "{path:?}");
    }
}

#[test]
fn slashes_that_a_client_has_doubled_are_no_base_path() {
    let lambda = probe(&[]);
    let status = |path: &str| {
        let mut event = captured_event("rest");
        event["path"] = json!(path);
        Front::Rest.unwrap(lambda.invoke(&event, MINUTE)).status()
    };
    assert_eq!((status("/mcp"), status("/crm/mcp"), status("//mcp"), status("/crm//mcp")), (200, 200, 404, 404));
}

#[test]
fn bodies_in_base64_and_cookies_arrive_as_they_were_sent() {
    let lambda = probe(&[]);
    let known = described(&lambda, Front::Http, captured_event("http"));
    assert_eq!(known["cookie"], "theme=dark; lang=de");
    let mut event = captured_event("function-url");
    event["body"] = json!("eyJqc29ucnBjIjoiMi4wIiwiaWQiOjEsIm1ldGhvZCI6InBpbmcifQ==");
    event["isBase64Encoded"] = json!(true);
    let reply = Front::FunctionUrl.unwrap(lambda.invoke(&event, MINUTE));
    assert_eq!(reply.text(), r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
}

#[test]
fn a_deployed_function_answers_to_its_own_domain_and_to_others_only_where_nobody_says_otherwise() {
    let event = captured_event("function-url");
    let status = |env: &[(&str, &str)]| Front::FunctionUrl.unwrap(probe(env).invoke(&event, MINUTE)).status();
    assert_eq!(status(&[]), 200);
    assert_eq!(status(&[("PMCP_ALLOWED_HOSTS", "mcp.example.com")]), 403);
}

#[test]
fn an_authorizer_is_believed_only_where_the_author_says_so() {
    let role = "iam:arn:aws:sts::123456789012:assumed-role/crm-caller/job";
    let cognito = "jwt:https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ex|0f3c";
    let rows = [
        ("http-jwt-authorizer", Front::Http, "jwt", "jwt:https://login.example.com/|ada", Value::Null),
        ("http-lambda-authorizer", Front::Http, "lambda", "lambda:user|42", json!("acme")),
        ("http-iam", Front::Http, "iam", role, Value::Null),
        ("rest-cognito-authorizer", Front::Rest, "jwt", cognito, Value::Null),
        ("rest-lambda-authorizer", Front::Rest, "lambda", "lambda:user|42", json!("acme")),
        ("rest-iam", Front::Rest, "iam", role, Value::Null),
    ];
    for trusted in ["", "jwt", "lambda", "iam", "jwt,lambda,iam"] {
        let lambda = probe(&[("PMCP_TRUST_AUTHORIZER", trusted)]);
        for (name, front, needed, principal, tenant) in &rows {
            let known = described(&lambda, *front, captured_event(name));
            let believed = trusted.contains(needed);
            let expected = if believed { (json!(principal), tenant.clone()) } else { (Value::Null, Value::Null) };
            assert_eq!((known["principal"].clone(), known["tenant"].clone()), expected, "{name}, trusting {trusted:?}");
        }
        let nobody = described(&lambda, Front::Rest, captured_event("rest"));
        assert_eq!(nobody["principal"], Value::Null, "nobody signed, trusting {trusted:?}");
    }
}
