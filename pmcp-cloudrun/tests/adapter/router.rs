//! The endpoint inside an axum app that listens by itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::routing::get;
use pmcp_cloudrun::{Config, router};
use pmcp_tests::{Connection, Request, exchange};
use tokio::runtime::Runtime;

use super::{add, assert_five, countdown};

/// An app that serves until it is dropped.
struct App {
    address: SocketAddr,
    _runtime: Runtime,
}

impl App {
    fn start(app: axum::Router) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { address, _runtime: runtime }
    }

    fn call(&self, request: &Request) -> pmcp_tests::Reply {
        exchange(self.address, &request.to_bytes(self.address)).expect("an answer")
    }
}

fn calculator(config: Config) -> axum::Router {
    router(calculator::server(), config).expect("a good server")
}

#[test]
fn merged_into_an_app() {
    let app = axum::Router::new().route("/", get(|| async { "my app" })).merge(calculator(Config::default()));
    let app = App::start(app);
    assert_eq!(app.call(&Request::post("").verb("GET").path("/")).text(), "my app");
    assert_five(&app.call(&add()));
    // Health and everything else is the app's own.
    assert_eq!(app.call(&Request::post("").verb("GET").path("/healthz")).status(), 404);
    assert_eq!(app.call(&Request::post("").verb("GET")).status(), 405);
}

#[test]
fn into_an_app_with_state_and_under_another_path() {
    let tools = router(calculator::server(), Config::default()).expect("a good server");
    let app = axum::Router::<String>::new()
        .route("/", get(|axum::extract::State(name): axum::extract::State<String>| async { name }))
        .nest("/tools", tools)
        .with_state("stateful".to_owned());
    let app = App::start(app);
    assert_eq!(app.call(&Request::post("").verb("GET").path("/")).text(), "stateful");
    assert_five(&app.call(&add().path("/tools/mcp")));
    assert_eq!(app.call(&add()).status(), 404);
}

#[test]
fn progress_comes_while_the_handler_runs() {
    let app = App::start(calculator(Config::default()));
    let mut connection = Connection::open(app.address).expect("the app accepts");
    let request = countdown(3, 300).with_progress();
    let begin = Instant::now();
    connection.send(&request.to_bytes(app.address)).expect("the app reads");
    let head = connection.read_head().expect("a reply begins");
    assert!(head.status == 200 && head.is_event_stream(), "{head:?}");
    for step in 1..=3 {
        let event = connection.read_event().expect("the stream lives").expect("an event");
        assert_eq!(event["params"]["progress"], f64::from(step), "{event}");
        if step == 1 {
            assert!(begin.elapsed() < Duration::from_millis(800), "it came only after {:?}", begin.elapsed());
        }
    }
    let last = connection.read_event().expect("the stream lives").expect("an answer");
    assert!(last["result"].is_object(), "{last}");
    assert_eq!(connection.read_event().expect("a proper end"), None);
}

#[test]
fn its_limits_hold() {
    let mut config = Config::default();
    config.max_body_bytes = 1000;
    config.max_concurrency = 1;
    config.time_limit = Some(Duration::from_millis(300));
    config.allowed_origins = vec!["https://app.example".to_owned()];
    let app = App::start(calculator(config));

    assert_eq!(app.call(&add().body(vec![b' '; 1001])).status(), 413);
    assert_eq!(app.call(&add().body(vec![b' '; 1001]).chunked()).status(), 413);
    assert_eq!(app.call(&countdown(1, 60_000)).status(), 500);
    assert_eq!(app.call(&add().header("Origin", "https://evil.example")).status(), 403);
    assert_eq!(app.call(&add().header("Host", "evil.example")).status(), 403);
    assert_five(&app.call(&add().header("Origin", "https://app.example")));

    let mut held = Connection::open(app.address).expect("the app accepts");
    held.send(&countdown(2, 200).with_progress().to_bytes(app.address)).expect("the app reads");
    assert_eq!(held.read_head().expect("a reply begins").status, 200);
    let refused = app.call(&add());
    assert_eq!((refused.status(), refused.head.header("retry-after")), (503, Some("1")));
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(5);
    while app.call(&add()).status() != 200 {
        assert!(Instant::now() < deadline, "the place was never free again");
    }
}

#[test]
fn what_cannot_be_built_is_said() {
    let mistaken =
        pmcp_core::Server::builder("broken", "1.0.0").complete_prompt("missing", "argument", async |_, _| {
            pmcp_core::protocol::Completion::starting_with("", ["a"])
        });
    let errors = router::<()>(mistaken, Config::default()).expect_err("it has no such prompt");
    assert!(errors.to_string().contains("missing"), "{errors}");
}
