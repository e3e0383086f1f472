//! The official Rust SDK in process on `lambda_http`: no HTTP server, its service is called with each event.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let service = rmcp_calculator::service();
    lambda_http::run(service_fn(move |request: Request| {
        let service = service.clone();
        async move {
            let request = request.map(|body| Full::new(Bytes::copy_from_slice(&body)));
            let (head, body) = service.handle(request).await.into_parts();
            let text = String::from_utf8(body.collect().await?.to_bytes().into())?;
            Ok::<_, Error>(Response::from_parts(head, Body::Text(text)))
        }
    }))
    .await
}
