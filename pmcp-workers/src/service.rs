//! One isolate: a server that is built when it starts, settings that are read at the first request, then requests.

use std::{cell::RefCell, error::Error, rc::Rc, sync::Arc, time::Duration};

use http::{
    Extensions, HeaderMap, HeaderValue, Method, Request, StatusCode,
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
    Config,
    home::at_home,
    instance::{self, unless_gone},
    log,
    platform::WorkersPlatform,
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
    Serving(Rc<Serving>),
    /// Every request is answered with what is wrong.
    Misconfigured(&'static str),
}

/// What answers, and how long a handler may take.
struct Serving {
    endpoint: StreamableHttp,
    time_limit: Option<Duration>,
}

thread_local! {
    static ISOLATE: RefCell<Isolate> = const { RefCell::new(Isolate::Empty) };
}

/// Builds `server`, when the isolate starts: call it in `#[event(start)]`.
///
/// A server that cannot be built is an exception there, so that `wrangler deploy` refuses it; `wrangler dev` prints why.
pub fn start(server: impl IntoServer) {
    start_with(server, |_| {});
}

/// The same as [`start`], with the settings changed by `configure` once they are read.
pub fn start_with(server: impl IntoServer, configure: impl FnOnce(&mut Config) + 'static) {
    log::install();
    instance::begin();
    match StreamableHttp::new(server) {
        Ok(endpoint) => ISOLATE.set(Isolate::Built(Box::new(endpoint), Box::new(configure))),
        Err(errors) => {
            // The exception comes in one of WebAssembly, of which the platform prints no word.
            tracing::error!(%errors, "the server cannot be built");
            wasm_bindgen::throw_str(&errors.to_string())
        }
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
    serve_with(request, env, context, |_| {}).await
}

/// The same as [`serve`], with what the Worker knows of the client beside the request, for handlers to find with
/// `cx.extension`: above all the [`Principal`](pmcp_core::Principal) to whom sessions, tasks and what clients carry belong.
///
/// ```text
/// let user = verified(&request)?;
/// pmcp_workers::serve_with(request, env, context, |extensions| {
///     extensions.insert(Principal(user.into()));
/// }).await
/// ```
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    request: web_sys::Request,
    env: Env,
    context: Context,
    extend: impl FnOnce(&mut Extensions),
) -> worker::Result<web_sys::Response> {
    let serving = match serving(&env) {
        Ok(serving) => serving,
        Err(reason) => return text(StatusCode::INTERNAL_SERVER_ERROR, reason),
    };
    let Some(mut head) = parse_head(&request) else {
        tracing::debug!("a request was refused for a method, a path or a header that is none");
        return json(StatusCode::BAD_REQUEST, NO_HEAD);
    };
    extend(&mut head.extensions);
    match (head.uri.path(), &head.method) {
        ("/mcp", _) => answer(&serving, head, request, env, context).await,
        ("/health", &Method::GET | &Method::HEAD) => text(StatusCode::OK, "ok\n"),
        ("/health", _) => text(StatusCode::METHOD_NOT_ALLOWED, "GET /health tells whether the server lives.\n"),
        _ => text(StatusCode::NOT_FOUND, "There is nothing here: the MCP endpoint is /mcp.\n"),
    }
}

/// What answers in this isolate; the first request brings the settings.
fn serving(env: &Env) -> Result<Rc<Serving>, &'static str> {
    ISOLATE.with_borrow_mut(|isolate| {
        *isolate = match std::mem::replace(isolate, Isolate::Empty) {
            Isolate::Built(endpoint, configure) => match configured(env, *endpoint, configure) {
                Ok(serving) => Isolate::Serving(Rc::new(serving)),
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
            Isolate::Serving(serving) => Ok(Rc::clone(serving)),
            Isolate::Misconfigured(reason) => Err(*reason),
            Isolate::Empty | Isolate::Built(..) => Err("The server was not built.\n"),
        }
    })
}

fn configured(env: &Env, endpoint: StreamableHttp, configure: Configure) -> Result<Serving, Box<dyn Error>> {
    #[cfg(feature = "objects")]
    crate::objects::remember(env)?;
    let mut config = Config::from_env(env)?;
    configure(&mut config);
    log::set_level(config.log_level);
    if endpoint.server().keeps_tasks_in_memory() {
        tracing::warn!(
            "tools of this server run as tasks, which it keeps in the memory of one isolate: others do not find them; give \
             the server an ObjectTaskStore (feature `objects` of pmcp-workers)"
        );
    }
    if endpoint.server().notifies_this_process_only() {
        tracing::warn!(
            "this server tells of changes through a local Notifier, which reaches the clients of one isolate: give it one \
             with an ObjectBus (feature `objects` of pmcp-workers)"
        );
    }
    Ok(Serving { endpoint: config.apply(endpoint)?, time_limit: config.time_limit })
}

async fn answer(
    Serving { endpoint, time_limit }: &Serving,
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
            return into_worker(response, None);
        }
    };
    let body = match read_body(&request, &context, &head, endpoint.body_limit()).await {
        Ok(body) => body,
        Err(unread) => {
            let status = match unread {
                Unread::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
                Unread::Broken => StatusCode::BAD_REQUEST,
            };
            let response = endpoint.refuse(&head, status, &unread.to_string());
            log(&head.headers, &[], response.status());
            return into_worker(response, None);
        }
    };
    let asked = logged.as_ref().map(|_| (head.headers.clone(), body.clone()));
    head.extensions.insert(env);
    head.extensions.insert(Incoming::new(&request));
    let context = Arc::new(context);
    head.extensions.insert(Arc::clone(&context));
    let platform: Arc<dyn Platform> = Arc::new(WorkersPlatform(Arc::clone(&context)));
    let answer = at_home(endpoint.respond_admitted(admitted, Request::from_parts(head, body), &platform));
    let Some(response) = unless_gone(&request, &context, answer).await else {
        // Nobody reads it.
        return text(StatusCode::BAD_REQUEST, "The client has gone.\n");
    };
    if let Some((headers, body)) = asked {
        log(&headers, &body, response.status());
    }
    into_worker(response, *time_limit)
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

/// To a request that cannot even be shown to the core.
const NO_HEAD: &str = r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"The request has a method, a path or a header that is none."}}"#;

fn json(status: StatusCode, json: &str) -> worker::Result<web_sys::Response> {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    whole(status, &headers, json.as_bytes())
}

fn text(status: StatusCode, text: &str) -> worker::Result<web_sys::Response> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    whole(status, &headers, text.as_bytes())
}
