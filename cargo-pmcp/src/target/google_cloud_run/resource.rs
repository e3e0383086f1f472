//! What Cloud Run says of a service and its revisions: resources in the form of Kubernetes, as far as they are of interest.
//!
//! Follows <https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services>.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::gcloud::CloudProject;

#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(rename = "creationTimestamp", default)]
    pub(super) created: String,
    /// How often what it is to be was changed.
    #[serde(default)]
    generation: u64,
}

#[derive(Deserialize)]
pub(super) struct Service {
    pub(super) metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    pub(super) status: Status,
}

#[derive(Deserialize)]
struct Spec {
    template: Template,
}

#[derive(Deserialize)]
struct Template {
    spec: Pod,
}

#[derive(Deserialize)]
pub(super) struct Pod {
    containers: Vec<Container>,
    #[serde(default)]
    volumes: Vec<Volume>,
}

#[derive(Deserialize)]
struct Container {
    image: String,
    #[serde(default)]
    env: Vec<Variable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variable {
    value_from: Option<ValueFrom>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueFrom {
    secret_key_ref: Option<SecretRef>,
}

#[derive(Deserialize)]
struct SecretRef {
    name: String,
    #[serde(default)]
    key: String,
}

#[derive(Deserialize)]
struct Volume {
    secret: Option<SecretVolume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretVolume {
    secret_name: String,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    key: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    url: Option<String>,
    pub(super) latest_created_revision_name: Option<String>,
    conditions: Vec<Condition>,
    traffic: Vec<Traffic>,
}

#[derive(Deserialize)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    kind: String,
    pub(super) status: String,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Traffic {
    revision_name: Option<String>,
    percent: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Revision {
    pub(super) metadata: Metadata,
    pub(super) spec: Pod,
    #[serde(default)]
    pub(super) status: Status,
}

impl Status {
    pub(super) fn ready(&self) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == "Ready")
    }
}

impl Pod {
    /// What an instance is given when it starts: entries of Secret Manager, each with its version.
    pub(super) fn secrets(&self) -> Vec<(&str, &str)> {
        let variables = self.containers.iter().flat_map(|container| &container.env);
        let read = variables.filter_map(|variable| variable.value_from.as_ref()?.secret_key_ref.as_ref());
        let mounted = self.volumes.iter().filter_map(|volume| volume.secret.as_ref());
        let mounted = mounted.map(|SecretVolume { secret_name, items }| {
            (secret_name as &str, items.first().map_or("latest", |item| &item.key))
        });
        read.map(|found| (&found.name as &str, &found.key as &str)).chain(mounted).collect()
    }

    pub(super) fn reads(&self, secret: &str) -> bool {
        self.secrets().iter().any(|(name, _)| *name == secret)
    }

    pub(super) fn image(&self) -> Option<String> {
        self.containers.first().map(|container| container.image.clone())
    }
}

impl Service {
    /// In Cloud Run's words.
    pub(super) fn state(&self) -> String {
        match self.status.ready().map(|ready| (&ready.status as &str, ready.message.as_deref())) {
            Some(("True", _)) => "Ready".into(),
            Some((_, Some(message))) => format!("not Ready: {message}"),
            Some(("False", None)) => "not Ready".into(),
            _ => "not Ready yet".into(),
        }
    }

    /// The revision that answers most requests.
    pub(super) fn live(&self) -> Option<String> {
        let most = self.status.traffic.iter().max_by_key(|traffic| traffic.percent.unwrap_or_default())?;
        most.revision_name.clone()
    }

    /// The image of the revision that answers, where that is the newest: the service says how to make this one alone.
    pub(super) fn live_image(&self) -> Option<String> {
        let is_newest = self.live().is_some_and(|live| self.status.latest_created_revision_name == Some(live));
        is_newest.then(|| self.spec.template.spec.image()).flatten()
    }

    /// What is different once somebody has changed the service.
    pub(super) fn generation(&self) -> u64 {
        self.metadata.generation
    }

    pub(super) fn url(&self) -> Option<String> {
        self.status.url.as_ref().map(|url| format!("{}/mcp", url.trim_end_matches('/')))
    }

    /// With the image of the revision that answers, where it is known.
    pub(super) fn outputs(&self, project: &CloudProject, image: Option<String>) -> BTreeMap<String, String> {
        let own = |text: &String| text.clone();
        let mut outputs: BTreeMap<String, String> = [
            ("Image", image),
            ("Project", Some(own(&project.id))),
            ("Region", Some(own(&project.region))),
            ("Revision", self.live()),
            ("Service", Some(own(&self.metadata.name))),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect();
        if let Some(url) = self.url() {
            outputs.insert("Url".into(), url);
        }
        outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(status: serde_json::Value) -> Service {
        let variables = json!([{ "name": "A", "value": "b" }, { "name": "B", "valueFrom": { "secretKeyRef": { "name": "crm-B", "key": "1" } } }]);
        let volumes = json!([{ "name": "v", "secret": { "secretName": "crm-FILE", "items": [] } }]);
        let pod = json!({ "containers": [{ "image": "i@sha256:1", "env": variables }], "volumes": volumes });
        let text = json!({ "metadata": { "name": "crm" }, "spec": { "template": { "spec": pod } }, "status": status });
        serde_json::from_value(text).expect("a service")
    }

    #[test]
    fn a_state_is_told_in_the_platforms_words() {
        for (condition, words) in [
            (json!({ "type": "Ready", "status": "True" }), "Ready"),
            (json!({ "type": "Ready", "status": "False", "message": "it fell" }), "not Ready: it fell"),
            (json!({ "type": "Ready", "status": "Unknown" }), "not Ready yet"),
            (json!({ "type": "RoutesReady", "status": "True" }), "not Ready yet"),
        ] {
            assert_eq!(service(json!({ "conditions": [condition] })).state(), words);
        }
        assert_eq!(service(json!({})).state(), "not Ready yet");
    }

    #[test]
    fn what_answers_is_what_most_requests_go_to() {
        let traffic = json!([{ "revisionName": "crm-1", "percent": 10 }, { "revisionName": "crm-2", "percent": 90 }]);
        assert_eq!(service(json!({ "traffic": traffic })).live(), Some("crm-2".into()));
        assert_eq!(service(json!({})).live(), None);
    }

    #[test]
    fn secrets_are_read_from_variables_and_files() {
        let pod = service(json!({})).spec.template.spec;
        assert!(pod.reads("crm-B") && pod.reads("crm-FILE") && !pod.reads("crm-A"));
    }
}
