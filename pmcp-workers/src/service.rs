//! One isolate: a server that is built when it starts, settings that are read at the first request, then requests.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use http::{HeaderMap, Request, StatusCode};
use pmcp_core::{IntoServer, StreamableHttp, platform::Platform};
use worker::{
    Context, Env, Response,
    js_sys::{Date, Reflect},
    wasm_bindgen::{self, JsValue},
};

use crate::{
    Config, ConfigError,
    home::at_home,
    log,
    platform::{self, WorkersPlatform},
    request::{Unread, parse_head, read_body},
    response::into_worker,
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
/// # Errors
/// When the platform refuses what makes up a response.
pub async fn serve(request: worker::Request, env: Env, context: Context) -> worker::Result<Response> {
    let endpoint = match endpoint(&env) {
        Ok(endpoint) => endpoint,
        Err(reason) => return text(500, reason),
    };
    match (request.path().as_str(), request.method()) {
        ("/mcp", _) => answer(&endpoint, request, env, context).await,
        ("/health", worker::Method::Get | worker::Method::Head) => text(200, "ok\n"),
        ("/health", _) => {
            let response = text(405, "GET /health tells whether the server lives.\n")?;
            response.headers().set("allow", "GET, HEAD")?;
            Ok(response)
        }
        _ => text(404, "There is nothing here: the MCP endpoint is /mcp.\n"),
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
    request: worker::Request,
    env: Env,
    context: Context,
) -> worker::Result<Response> {
    let begin = Date::now();
    let raw = request.inner();
    let Some(mut head) = parse_head(raw) else {
        return text(400, "The request has a method, a path or a header that is none.\n");
    };
    if let Some(response) = endpoint.turn_away(&head) {
        log_answer(endpoint, &head.headers, &[], response.status(), Date::now() - begin, raw);
        return into_worker(response);
    }
    let body = match read_body(raw, &head, endpoint.body_limit()).await {
        Ok(body) => body,
        Err(unread) => {
            let status = match unread {
                Unread::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
                Unread::Broken => StatusCode::BAD_REQUEST,
            };
            let response = endpoint.refuse(&head, status, &unread.to_string());
            log_answer(endpoint, &head.headers, &[], response.status(), Date::now() - begin, raw);
            return into_worker(response);
        }
    };
    let logged = tracing::enabled!(tracing::Level::INFO).then(|| (head.headers.clone(), body.clone()));
    head.extensions.insert(env);
    if let Some(cf) = request.cf() {
        head.extensions.insert(cf.clone());
    }
    let context = Arc::new(context);
    head.extensions.insert(Arc::clone(&context));
    let platform: Arc<dyn Platform> = Arc::new(WorkersPlatform(context));
    let response = at_home(endpoint.respond(Request::from_parts(head, body), &platform)).await;
    if let Some((headers, message)) = logged {
        log_answer(endpoint, &headers, &message, response.status(), Date::now() - begin, raw);
    }
    into_worker(response)
}

/// The request's line in the log, when its answer begins. Time stands still here while nothing is waited for.
fn log_answer(
    endpoint: &StreamableHttp,
    headers: &HeaderMap,
    body: &[u8],
    status: StatusCode,
    elapsed_ms: f64,
    request: &JsValue,
) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let summary = endpoint.summarize(headers, body);
    let method = summary.as_ref().map(|summary| &*summary.method);
    let name = summary.as_ref().and_then(|summary| summary.name.as_deref());
    let status = status.as_u16();
    // Elsewhere than in production it lacks what `Cf` takes for granted.
    let cf = Reflect::get(request, &"cf".into()).unwrap_or_default();
    let of_client = |name: &str| Reflect::get(&cf, &name.into()).ok()?.as_string();
    let (country, colo) = (of_client("country"), of_client("colo"));
    tracing::info!(method, name, status, elapsed_ms, country, colo, "answered");
}

fn text(status: u16, text: &str) -> worker::Result<Response> {
    Ok(Response::ok(text)?.with_status(status))
}
