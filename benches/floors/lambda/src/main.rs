//! Bare `lambda_http` that answers one `tools/call` by hand.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(async |request: Request| {
        let answer = by_hand::answer(request.body()).ok_or("not a call")?;
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Error>(response.body(Body::Text(String::from_utf8(answer)?))?)
    }))
    .await
}
