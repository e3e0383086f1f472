//! A bare Rust worker that answers one `tools/call` by hand.
#![cfg(target_arch = "wasm32")]

use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(mut request: Request, _env: Env, _context: Context) -> Result<Response> {
    let Some(answer) = by_hand::answer(&request.bytes().await?) else {
        return Response::error("not a call", 400);
    };
    let mut response = Response::from_bytes(answer)?;
    response.headers_mut().set("content-type", "application/json")?;
    Ok(response)
}
