//! What a handler asks inside its task, and how it is answered.

use super::*;

#[test]
fn a_handler_asks_and_goes_on_in_place() {
    let platform = TestPlatform::default();
    let (client, counts) = works(&platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "greet", json!({})).await;
        let task = client.get_task(&id).await.unwrap();
        assert_eq!(task.status, TaskStatus::InputRequired);
        let asked = &task.input_requests.unwrap()["name"];
        assert_eq!((&asked["method"], &asked["params"]["message"]), (&json!("elicitation/create"), &json!("Who?")));

        let params = json!({"taskId": id, "inputResponses": accept(&[("unknown", "x"), ("name", "Ada")])});
        let acknowledged = client.request("tasks/update", params).await.result.unwrap();
        let members: Vec<_> = acknowledged.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((members, &acknowledged["resultType"]), (vec!["resultType", "_meta"], &json!("complete")));

        let task = until(&client, &platform, &id, TaskStatus::InputRequired).await;
        let asked: Vec<_> = task.input_requests.unwrap().into_iter().collect();
        assert_eq!((asked.len(), asked[0].0.as_str()), (1, "second"));
        client.update_task(&id, accept(&[("name", "Mallory")])).await.unwrap();
        assert_eq!(client.get_task(&id).await.unwrap().status, TaskStatus::InputRequired);
        client.update_task(&id, accept(&[("second", "Eve")])).await.unwrap();
        let task = until(&client, &platform, &id, TaskStatus::Completed).await;
        assert_eq!((text(&task), counts.both()), ("Ada and Eve".to_owned(), (1, 1)));
    }));
}

#[test]
fn what_does_not_fit_is_asked_again_under_a_new_key() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "greet", json!({})).await;
        let mut keys = vec!["name".to_owned()];
        for misfit in [json!(7), json!({"action": "accept", "content": {"name": 7}})] {
            let key = keys.last().unwrap().clone();
            client.update_task(&id, Map::from_iter([(key, misfit)])).await.unwrap();
            let asked = until(&client, &platform, &id, TaskStatus::InputRequired).await.input_requests.unwrap();
            let key = asked.keys().next().unwrap();
            assert!(asked.len() == 1 && !keys.contains(key), "{key} was used before");
            keys.push(key.clone());
        }
        let key = keys.last().unwrap();
        client.update_task(&id, Map::from_iter([(key.clone(), json!({"action": "decline"}))])).await.unwrap();
        assert_eq!(text(&until(&client, &platform, &id, TaskStatus::Completed).await), "nobody");
    }));
}

#[test]
fn the_third_answer_that_does_not_fit_fails_the_task() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    let client = client.answering(|_, _| json!({"action": "accept", "content": {"name": 7}}));
    let result = pollster::block_on(platform.run(client.call_tool("greet", json!({})))).unwrap();
    let expected = "The answer to the question \"name\" does not fit, asked 3 times: invalid type: integer `7`, \
                    expected a string.";
    assert_eq!((result.is_error, result.to_text().as_ref()), (true, expected));
}

#[test]
fn questions_are_answered_one_by_one() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "both", json!({})).await;
        let asked = |task: pmcp_core::protocol::Task| task.input_requests.unwrap().into_iter().map(|(key, _)| key);
        let task = client.get_task(&id).await.unwrap();
        assert_eq!(asked(task).collect::<Vec<_>>(), ["left", "right"]);
        client.update_task(&id, accept(&[("left", "Ada")])).await.unwrap();
        let task = client.get_task(&id).await.unwrap();
        assert_eq!(task.status, TaskStatus::InputRequired);
        assert_eq!(asked(task).collect::<Vec<_>>(), ["right"]);
        client.update_task(&id, accept(&[("left", "Mallory"), ("right", "Eve")])).await.unwrap();
        assert_eq!(text(&until(&client, &platform, &id, TaskStatus::Completed).await), "Ada Eve");
    }));
}

#[test]
fn a_question_that_nobody_waits_for_is_taken_back() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "impatient", json!({})).await;
        platform.sleep(11 * SECOND).await;
        let task = client.get_task(&id).await.unwrap();
        assert_eq!((task.status, task.input_requests), (TaskStatus::Working, None));
        client.update_task(&id, accept(&[("name", "Ada")])).await.unwrap();
        assert_eq!(text(&until(&client, &platform, &id, TaskStatus::Completed).await), "too late");
    }));
}

#[test]
fn a_client_that_shows_no_forms_is_not_asked() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    let client = client.with_capabilities(ClientCapabilities::default()).with_tasks();
    let error = pollster::block_on(platform.run(client.call_tool("greet", json!({})))).unwrap_err();
    assert_eq!(
        (error.code.0, error.data.unwrap()["requiredCapabilities"].clone()),
        (-32021, json!({"elicitation": {"form": {}}}))
    );
}

#[test]
fn bad_updates_are_refused() {
    let platform = TestPlatform::default();
    let (client, _) = works(&platform);
    pollster::block_on(platform.run(async {
        let id = start(&client, "greet", json!({})).await;
        for params in [
            json!({"taskId": id}),
            json!({"taskId": id, "inputResponses": []}),
            json!({"taskId": 7, "inputResponses": {}}),
            json!({"inputResponses": {}}),
            json!({"taskId": "", "inputResponses": {}}),
        ] {
            let code = code(client.request("tasks/update", params.clone()).await.result);
            // A header cannot repeat a name that is no string.
            assert!(matches!(code, -32602 | -32020), "{params}");
        }
        assert_eq!(client.get_task(&id).await.unwrap().status, TaskStatus::InputRequired);
    }));
}

#[test]
fn an_answer_given_to_another_instance_arrives() {
    let platform = TestPlatform::default();
    let store = InMemoryTaskStore::new();
    let (here, there) = (client(kept_in(&store), &platform), client(kept_in(&store), &platform));
    pollster::block_on(platform.run(async {
        let id = start(&here, "both", json!({})).await;
        there.update_task(&id, accept(&[("left", "Ada")])).await.unwrap();
        assert_eq!(here.get_task(&id).await.unwrap().input_requests.unwrap().len(), 1);
        here.update_task(&id, accept(&[("right", "Eve")])).await.unwrap();
        assert_eq!(text(&until(&there, &platform, &id, TaskStatus::Completed).await), "Ada Eve");

        let id = start(&here, "slow", json!({"seconds": 600})).await;
        there.cancel_task(&id).await.unwrap();
        platform.sleep(6 * SECOND).await;
        assert_eq!(platform.background_len(), 0, "the instance that runs it looks for it now and then");
    }));
}
