//! The service pmcp.run on loopback: it runs what is deployed to it, and holds both sides to its OpenAPI file.

mod contract;
mod host;
mod http;
mod service;

use std::io::{self, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};

use self::contract::Contract;
use self::http::{Answer, Received};
use self::service::Service;
use crate::{Request, exchange};

/// Who says whether a token is good.
#[derive(Clone, Debug)]
pub enum Authority {
    /// One token is.
    Token(String),
    /// The authorization server at this address, which is asked (RFC 7662).
    Server(String),
}

/// What goes wrong, once.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The request is refused with a status, a type of problem, and what is said of it.
    Problem(u16, &'static str, &'static str),
    /// The request is handled, and the connection closed before it is answered.
    Lost,
    /// A page of somebody else's answers.
    Page,
    /// The same, with a status that says that the service is not there.
    Broken(u16),
}

/// A service; it ends with the test's process, and what it runs with the value.
#[derive(Debug)]
pub struct PmcpRun {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    addr: SocketAddr,
    contract: Contract,
    authority: Authority,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    service: Service,
    troubles: Vec<(String, Trouble)>,
    /// The operations that were asked for, in their order.
    asked: Vec<String>,
    /// What did not keep to the OpenAPI file, on either side.
    broken: Vec<String>,
}

impl PmcpRun {
    /// Listens on a free loopback port, and puts what it runs into `folder`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn start(folder: &Path, authority: Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let state = State {
            service: Service::new(folder.to_path_buf()),
            troubles: Vec::new(),
            asked: Vec::new(),
            broken: Vec::new(),
        };
        let shared = Arc::new(Shared { addr, contract: Contract::load(), authority, state: Mutex::new(state) });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A client that ends breaks its connections, which is no failure of the service.
                thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Self { addr, shared }
    }

    /// What `PMCP_RUN_URL` must be.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Has an operation of the OpenAPI file fail when it is next asked for.
    pub fn trouble(&self, operation: &str, trouble: Trouble) {
        self.shared.state().troubles.push((operation.to_owned(), trouble));
    }

    /// Gives a name to another account.
    pub fn take(&self, name: &str) {
        self.shared.state().service.taken.push(name.to_owned());
    }

    /// Has the next deployment fail.
    pub fn fail_next(&self, why: &str) {
        self.shared.state().service.next_fails = Some(why.to_owned());
    }

    /// What is there, each thing as a kind and a name.
    pub fn inventory(&self) -> Vec<String> {
        self.shared.state().service.inventory()
    }

    /// The archives that are stored, in no order.
    pub fn archives(&self) -> Vec<Vec<u8>> {
        self.shared.state().service.artifacts.values().cloned().collect()
    }

    /// How often an operation was asked for.
    pub fn count(&self, operation: &str) -> usize {
        self.shared.state().asked.iter().filter(|asked| *asked == operation).count()
    }

    /// Asserts that both sides have kept to the OpenAPI file, and that all that was to go wrong has.
    ///
    /// # Panics
    ///
    /// If not.
    pub fn assert_kept(&self) {
        let state = self.shared.state();
        assert!(state.broken.is_empty(), "the OpenAPI file was not kept to: {:#?}", state.broken);
        assert!(state.troubles.is_empty(), "this was to go wrong, and did not: {:?}", state.troubles);
    }

    /// The operations of the OpenAPI file that nobody has asked for.
    pub fn never_asked(&self) -> Vec<String> {
        let state = self.shared.state();
        let all = self.shared.contract.operations().into_iter().map(str::to_owned);
        all.filter(|id| !state.asked.contains(id)).collect()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of the service panics")
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = Received::read(&mut reader)? {
            match self.answer(&request) {
                Some(answer) => answer.write(reader.get_mut(), &request.verb)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn answer(&self, request: &Received) -> Option<Answer> {
        let broken = |what: String| {
            self.state().broken.push(format!("{} {}: {what}", request.verb, request.path));
            Some(Answer::problem(500, "internal", &what))
        };
        let operation = match self.contract.operation(&request.verb, &request.path) {
            Ok(operation) => operation,
            Err(what) => return broken(what),
        };
        if let Err(what) = self.contract.check_request(&operation, request) {
            return broken(what);
        }
        // Asked before the lock is taken: it takes a request.
        let is_known = operation.id == "describeResource" || self.knows(request);
        let mut state = self.state();
        state.asked.push(operation.id.to_owned());
        let trouble = state.troubles.iter().position(|(id, _)| id == operation.id);
        let trouble = trouble.map(|place| state.troubles.remove(place).1);
        let answer = match (&trouble, operation.id, is_known) {
            // What the service would never say is not held to the file.
            (Some(Trouble::Page), ..) => return Some(Answer::page(200)),
            (Some(Trouble::Broken(status)), ..) => return Some(Answer::page(*status)),
            (Some(Trouble::Problem(status, name, detail)), ..) => {
                let answer = Answer::problem(*status, name, detail);
                match status {
                    401 => self.unauthorized(detail),
                    429 => answer.with("Retry-After", "1"),
                    _ => answer,
                }
            }
            (_, "describeResource", _) => Answer::json(200, &self.resource()),
            (_, _, false) => self.unauthorized("this token is not valid"),
            _ => state.service.handle(&operation, request).unwrap_or_else(|| Answer::empty(501)),
        };
        drop(state);
        if let Err(what) = self.contract.check_answer(&operation, &request.verb, &answer) {
            return broken(what);
        }
        (!matches!(trouble, Some(Trouble::Lost))).then_some(answer)
    }

    fn unauthorized(&self, detail: &str) -> Answer {
        let metadata = format!("http://{}/.well-known/oauth-protected-resource", self.addr);
        let challenge = format!("Bearer resource_metadata=\"{metadata}\"");
        Answer::problem(401, "unauthorized", detail).with("WWW-Authenticate", challenge)
    }

    /// RFC 9728.
    fn resource(&self) -> Value {
        let issuer = match &self.authority {
            Authority::Server(issuer) => issuer.clone(),
            Authority::Token(_) => "http://127.0.0.1:9".into(),
        };
        json!({
            "resource": format!("http://{}", self.addr),
            "authorization_servers": [issuer],
            "scopes_supported": ["deploy"],
            "bearer_methods_supported": ["header"],
        })
    }

    /// Whether the token of a request is good, and made for this service.
    fn knows(&self, request: &Received) -> bool {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let Some(token) = token else { return false };
        match &self.authority {
            Authority::Token(good) => token == good,
            Authority::Server(issuer) => {
                let addr = issuer.trim_start_matches("http://").parse().expect("an address");
                // The id and the secret of the service: `pmcp.run:the-service`.
                let asking = Request::post(format!("token={token}"))
                    .path("/token/introspection")
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .header("Accept", "application/json")
                    .header("Authorization", "Basic cG1jcC5ydW46dGhlLXNlcnZpY2U=");
                let reply = exchange(addr, &asking.to_bytes(addr)).expect("the authorization server answers");
                let said: Value = serde_json::from_slice(&reply.body).expect("JSON");
                said["active"] == true && said["aud"] == format!("http://{}", self.addr) && said["scope"] == "deploy"
            }
        }
    }
}
