//! Tasks that two instances share in a real Redis; skipped where there is none.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use pmcp_core::{
    TaskStore,
    platform::{BoxFuture, Platform},
    prelude::*,
    protocol::{ClientCapabilities, Elicitation, Task, TaskStatus},
    testing::Client,
};
use pmcp_redis::{Redis, RedisTaskStore};
use serde_json::{Map, Value, json};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "pmcp_core::serde")]
#[schemars(crate = "pmcp_core::schemars")]
struct Name {
    name: String,
}

struct Works;

#[server(name = "works", version = "1.0.0")]
impl Works {
    #[tool(task)]
    async fn greet(&self, cx: &Context) -> Result<String> {
        let Elicitation::Accept(name) = cx.elicit::<Name>("name", "Who?").await? else { return Ok("nobody".into()) };
        Ok(format!("Hello, {}!", name.name))
    }

    #[tool(task)]
    async fn slow(&self, cx: &Context) -> &'static str {
        cx.sleep(Duration::from_secs(600)).await;
        "done"
    }
}

fn store(redis: &pmcp_tests::Redis) -> RedisTaskStore {
    RedisTaskStore::new(&Redis::open(&redis.url()).expect("a URL").with_prefix("works"))
}

/// One process: tokio with a clock that can be put forward, and background work that dies with it.
#[derive(Clone, Default)]
struct Process {
    ahead: Arc<AtomicU64>,
    works: Arc<Mutex<Vec<tokio::task::JoinHandle<()>>>>,
}

impl Process {
    fn die(&self) {
        self.works.lock().unwrap().drain(..).for_each(|work| work.abort());
    }
}

impl Platform for Process {
    fn now(&self) -> Duration {
        let ahead = Duration::from_secs(self.ahead.load(Ordering::SeqCst));
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + ahead
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep(duration))
    }
    fn random(&self, bytes: &mut [u8]) {
        // Unlike from one run to the next, which is enough here.
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let seed = self.now().as_nanos() as u64 ^ COUNT.fetch_add(1, Ordering::SeqCst).rotate_left(32);
        bytes.iter_mut().zip(seed.to_be_bytes().iter().cycle()).for_each(|(byte, random)| *byte = *random);
    }
    fn background(&self, work: BoxFuture<()>) {
        self.works.lock().unwrap().push(tokio::spawn(work));
    }
}

fn client(server: &pmcp_tests::Redis, process: &Process) -> Client {
    let builder = Works.into_builder().task_store(store(server));
    let forms = ClientCapabilities { elicitation: Some(json!({})), ..Default::default() };
    let client = Client::new(builder).unwrap().with_capabilities(forms).with_tasks();
    client.with_platform(Arc::new(process.clone())).with_principal("ada")
}

async fn start(client: &Client, tool: &str) -> String {
    let result = client.request("tools/call", json!({"name": tool, "arguments": {}})).await.result.unwrap();
    result["taskId"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned()
}

async fn until(client: &Client, id: &str, wanted: impl Fn(&Task) -> bool) -> Task {
    for _ in 0..200 {
        let task = client.get_task(id).await.unwrap();
        if wanted(&task) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} is never as wanted");
}

#[tokio::test]
async fn an_answer_given_to_another_instance_arrives() {
    let Some(server) = pmcp_tests::Redis::start("an_answer_given_to_another_instance_arrives") else { return };
    let (here, there) = (client(&server, &Process::default()), client(&server, &Process::default()));
    let id = start(&here, "greet").await;
    let task = until(&there, &id, |task| task.status == TaskStatus::InputRequired).await;
    assert_eq!(task.input_requests.unwrap()["name"]["method"], "elicitation/create");
    let answer = json!({"action": "accept", "content": {"name": "Ada"}});
    there.update_task(&id, Map::from_iter([("name".to_owned(), answer)])).await.unwrap();
    let task = until(&there, &id, |task| task.status == TaskStatus::Completed).await;
    let result: Value = serde_json::from_str(task.result.unwrap().get()).unwrap();
    assert_eq!(result["content"][0]["text"], "Hello, Ada!");
    // A principal of another name.
    let eve = client(&server, &Process::default()).with_principal("eve");
    assert_eq!(eve.get_task(&id).await.unwrap_err().code.0, -32602);
}

#[tokio::test]
async fn a_task_survives_its_process_as_failed() {
    let Some(server) = pmcp_tests::Redis::start("a_task_survives_its_process_as_failed") else { return };
    let (dying, living) = (Process::default(), Process::default());
    let id = start(&client(&server, &dying), "slow").await;
    dying.die();
    let living_client = client(&server, &living);
    assert_eq!(living_client.get_task(&id).await.unwrap().status, TaskStatus::Working);
    living.ahead.store(31, Ordering::SeqCst);
    let task = living_client.get_task(&id).await.unwrap();
    assert_eq!((task.status, task.error.unwrap().code.0), (TaskStatus::Failed, -32603));
    living.ahead.store(3_601, Ordering::SeqCst);
    assert_eq!(living_client.get_task(&id).await.unwrap_err().code.0, -32602);
}

#[tokio::test]
async fn a_version_is_replaced_once_and_forgotten_in_time() {
    let Some(server) = pmcp_tests::Redis::start("a_version_is_replaced_once_and_forgotten_in_time") else { return };
    let process = Process::default();
    let builder = Works.into_builder().task_store(store(&server)).task_ttl(Duration::from_secs(1));
    let client = Client::new(builder).unwrap().with_tasks().with_platform(Arc::new(process.clone()));
    let store = store(&server);
    let id = start(&client, "slow").await;
    process.die();
    let now = process.now();
    let record = store.read(&id, now).await.unwrap().expect("a record");
    assert_eq!((record.id(), record.version()), (id.as_str(), 1));
    // The same version is no next one; exactly the same record is what is there already.
    assert!(store.update(record.clone(), now).await.unwrap());
    client.cancel_task(&id).await.unwrap();
    let cancelled = store.read(&id, now).await.unwrap().expect("a record");
    assert_eq!((cancelled.version(), cancelled.status()), (2, TaskStatus::Cancelled));
    assert!(store.update(cancelled, now).await.unwrap());
    assert!(!store.update(record, now).await.unwrap(), "an older version replaces nothing");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    // By the clock of Redis, whatever that of the instance says.
    assert!(store.read(&id, Duration::ZERO).await.unwrap().is_none());
}

#[tokio::test]
async fn tasks_are_listed_by_owner_in_pages_and_forgotten_in_time() {
    let Some(server) = pmcp_tests::Redis::start("tasks_are_listed_by_owner_in_pages_and_forgotten_in_time") else {
        return;
    };
    let process = Process::default();
    let ada = client(&server, &process);
    let eve = client(&server, &process).with_principal("eve");
    let mut started = Vec::new();
    for _ in 0..5 {
        started.push(start(&ada, "slow").await);
    }
    start(&eve, "slow").await;
    let (store, now) = (store(&server), process.now());
    let (mut listed, mut after) = (Vec::new(), String::new());
    for expected in [2, 2, 1, 0] {
        let page = store.list("ada", &after, 2, now).await.unwrap();
        assert_eq!(page.len(), expected);
        after = page.last().map_or(after, |last| last.place());
        listed.extend(page.into_iter().map(|record| record.id().to_owned()));
    }
    assert_eq!(listed, started, "those that expire first stand first");
    assert!(store.list("nobody", "", 2, now).await.unwrap().is_empty());
    assert!(store.list("ada", "", 9, now + Duration::from_secs(3_601)).await.unwrap().is_empty());

    // A record that is gone leaves no gap in a page.
    let short = Works.into_builder().task_store(store.clone()).task_ttl(Duration::from_secs(1));
    let short = Client::new(short).unwrap().with_tasks().with_principal("ada");
    let short = short.with_platform(Arc::new(process.clone()));
    start(&short, "slow").await;
    assert_eq!(store.list("ada", "", 9, now).await.unwrap().len(), 6);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(store.list("ada", "", 1, now).await.unwrap()[0].id(), started[0]);
}
