//! One isolate: a server that is built when it starts, settings that are read at the first request, then requests.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
    request::Parts,
};
use pmcp_core::{IntoServer, StreamableHttp, platform::Platform};
use worker::{
    Context, Env,
    js_sys::{Date, Reflect},
    wasm_bindgen::{self, JsValue},
    web_sys,
};

use crate::{
    Config, ConfigError,
    home::at_home,
    log,
    platform::{self, WorkersPlatform},
    request::{Incoming, Unread, parse_head, read_body},
    response::{into_worker, whole},
};

/// What a server's author changes in the settings that were read.
type Configure = Box<dyn FnOnce(&mut Config)>;

enum Isolate {
    /// Nothing was built.
    Empty,
    /// Built, before the first request.
    Built(Box<StreamableHttp>, Configure),
    Serving(Rc<StreamableHttp>),
    /// Every request is answered with what is wrong.
    Misconfigured(&'static str),
}

thread_local! {
    static ISOLATE: RefCell<Isolate> = const { RefCell::new(Isolate::Empty) };
}

/// Builds `server`, when the isolate starts: call it in `#[event(start)]`.
///
/// A server that cannot be built is an exception there, so that `wrangler deploy` refuses it and says why.
pub fn start(server: impl IntoServer) {
    start_with(server, |_| {});
}

/// The same as [`start`], with the settings changed by `configure` once they are read.
pub fn start_with(server: impl IntoServer, configure: impl FnOnce(&mut Config) + 'static) {
    log::install();
    platform::begin();
    match StreamableHttp::new(server) {
        Ok(endpoint) => ISOLATE.set(Isolate::Built(Box::new(endpoint), Box::new(configure))),
        Err(errors) => wasm_bindgen::throw_str(&errors.to_string()),
    }
}

/// Answers a request to any path: call it in `#[event(fetch)]`.
///
/// Request and response are JavaScript's own, [`Request`](crate::Request) and [`Response`](crate::Response): those of
/// `worker` read and copy what nobody may ask for. A Worker that needs these too takes `worker::Request::from(request)`.
///
/// # Errors
/// When the platform refuses what makes up a response.
pub async fn serve(request: web_sys::Request, env: Env, context: Context) -> worker::Result<web_sys::Response> {
    let endpoint = match endpoint(&env) {
        Ok(endpoint) => endpoint,
        Err(reason) => return text(StatusCode::INTERNAL_SERVER_ERROR, reason),
    };
    let Some(head) = parse_head(&request) else {
        return text(StatusCode::BAD_REQUEST, "The request has a method, a path or a header that is none.\n");
    };
    match (head.uri.path(), &head.method) {
        ("/mcp", _) => answer(&endpoint, head, request, env, context).await,
        ("/health", &Method::GET | &Method::HEAD) => text(StatusCode::OK, "ok\n"),
        ("/health", _) => text(StatusCode::METHOD_NOT_ALLOWED, "GET /health tells whether the server lives.\n"),
        _ => text(StatusCode::NOT_FOUND, "There is nothing here: the MCP endpoint is /mcp.\n"),
    }
}

/// What answers in this isolate; the first request brings the settings.
fn endpoint(env: &Env) -> Result<Rc<StreamableHttp>, &'static str> {
    ISOLATE.with_borrow_mut(|isolate| {
        *isolate = match std::mem::replace(isolate, Isolate::Empty) {
            Isolate::Built(endpoint, configure) => match configured(env, *endpoint, configure) {
                Ok(endpoint) => Isolate::Serving(Rc::new(endpoint)),
                Err(error) => {
                    tracing::error!(%error, "the server cannot run");
                    Isolate::Misconfigured("The server's settings are wrong; its log says which.\n")
                }
            },
            Isolate::Empty => Isolate::Misconfigured(
                "There is no server here: call pmcp_workers::start in a function with #[event(start)].\n",
            ),
            ready => ready,
        };
        match isolate {
            Isolate::Serving(endpoint) => Ok(Rc::clone(endpoint)),
            Isolate::Misconfigured(reason) => Err(*reason),
            Isolate::Empty | Isolate::Built(..) => Err("The server was not built.\n"),
        }
    })
}

fn configured(env: &Env, endpoint: StreamableHttp, configure: Configure) -> Result<StreamableHttp, ConfigError> {
    #[cfg(feature = "objects")]
    crate::objects::remember(env);
    let mut config = Config::from_env(env)?;
    configure(&mut config);
    log::set_level(config.log_level);
    config.apply(endpoint)
}

async fn answer(
    endpoint: &StreamableHttp,
    mut head: Parts,
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> worker::Result<web_sys::Response> {
    let logged = tracing::enabled!(tracing::Level::DEBUG).then(|| Logged { request: &request, begin_ms: Date::now() });
    let log = |headers: &HeaderMap, body: &[u8], status: StatusCode| {
        if let Some(logged) = &logged {
            logged.log(endpoint, headers, body, status);
        }
    };
    let admitted = match endpoint.admit(&head) {
        Ok(admitted) => admitted,
        Err(response) => {
            // A setting may be wrong: who looks for the fault finds it here.
            if response.status() == StatusCode::FORBIDDEN {
                tracing::info!("a request was refused for its Host or Origin; RUST_LOG=debug shows more");
            }
            log(&head.headers, &[], response.status());
            return into_worker(response);
        }
    };
    let body = match read_body(&request, &head, endpoint.body_limit()).await {
        Ok(body) => body,
        Err(unread) => {
            let status = match unread {
                Unread::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
                Unread::Broken => StatusCode::BAD_REQUEST,
            };
            let response = endpoint.refuse(&head, status, &unread.to_string());
            log(&head.headers, &[], response.status());
            return into_worker(response);
        }
    };
    let asked = logged.as_ref().map(|_| (head.headers.clone(), body.clone()));
    head.extensions.insert(env);
    head.extensions.insert(Incoming::new(&request));
    let context = Arc::new(context);
    head.extensions.insert(Arc::clone(&context));
    let platform: Arc<dyn Platform> = Arc::new(WorkersPlatform(context));
    let response = at_home(endpoint.respond_admitted(admitted, Request::from_parts(head, body), &platform)).await;
    if let Some((headers, body)) = asked {
        log(&headers, &body, response.status());
    }
    into_worker(response)
}

/// A request that has a line in the log, written when its answer begins: of level debug, as the platform itself logs each
/// request, and a line costs as much as the answer.
struct Logged<'r> {
    request: &'r JsValue,
    begin_ms: f64,
}

impl Logged<'_> {
    fn log(&self, endpoint: &StreamableHttp, headers: &HeaderMap, body: &[u8], status: StatusCode) {
        let summary = endpoint.summarize(headers, body);
        let method = summary.as_ref().map(|summary| &*summary.method);
        let name = summary.as_ref().and_then(|summary| summary.name.as_deref());
        // Time stands still here while nothing is waited for.
        let (status, elapsed_ms) = (status.as_u16(), Date::now() - self.begin_ms);
        // Elsewhere than in production it lacks what `Cf` takes for granted.
        let cf = Reflect::get(self.request, &"cf".into()).unwrap_or_default();
        let of_client = |name: &str| Reflect::get(&cf, &name.into()).ok()?.as_string();
        let (country, colo) = (of_client("country"), of_client("colo"));
        tracing::debug!(method, name, status, elapsed_ms, country, colo, "answered");
    }
}

fn text(status: StatusCode, text: &str) -> worker::Result<web_sys::Response> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    whole(status, &headers, text.as_bytes())
}
