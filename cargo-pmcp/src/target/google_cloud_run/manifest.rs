//! What Cloud Run is told: one file with all that deploy.toml says of the service, to be looked at before and after.
//!
//! Follows <https://cloud.google.com/run/docs/reference/yaml/v1>. JSON is YAML, and keeps every character of a value.

use serde_json::{Map, Value, json};

use super::gcloud::CloudProject;
use super::secrets::Given;
use super::service::{DEPLOYMENT, LABEL};
use crate::config::{Authentication, Config, Gcp};
use crate::failure::Result;
use crate::output::encode_json;

/// Where it is in a project.
pub(super) const PATH: &str = ".pmcp/build/service.json";

/// The port that the server is told to listen on.
const PORT: u32 = 8080;

/// The file's text; `deployment` is what nobody else calls theirs.
pub(super) fn encode(
    config: &Config,
    project: &CloudProject,
    image: &str,
    given: &[Given],
    deployment: &str,
) -> Result<String> {
    let mut service = service(config, project, image, given);
    // Not of the revision: what is the same makes no new one.
    service["metadata"]["labels"][DEPLOYMENT] = deployment.into();
    Ok(as_yaml(&encode_json(&service)?) + "\n")
}

fn service(config: &Config, project: &CloudProject, image: &str, given: &[Given]) -> Value {
    let Config { gcp, server, .. } = config;
    let mut annotations = Map::new();
    let mut annotate = |key: &str, value: String| annotations.insert(format!("run.googleapis.com/{key}"), value.into());
    annotate("ingress", text(&gcp.ingress));
    // Without a binding for everybody, which many organisations do not allow.
    annotate("invoker-iam-disabled", (gcp.authentication == Authentication::Public).to_string());
    json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": { "name": server.name, "labels": { LABEL: server.name }, "annotations": annotations },
        "spec": {
            "template": {
                "metadata": { "labels": { LABEL: server.name }, "annotations": revision_annotations(gcp) },
                "spec": revision(config, project, image, given),
            },
            // Also after a rollback.
            "traffic": [{ "latestRevision": true, "percent": 100 }],
        },
    })
}

fn revision_annotations(gcp: &Gcp) -> Map<String, Value> {
    let mut annotations = Map::new();
    let mut annotate = |key: &str, value: String| annotations.insert(key.to_owned(), value.into());
    annotate("autoscaling.knative.dev/minScale", gcp.min_instances.to_string());
    if let Some(most) = gcp.max_instances {
        annotate("autoscaling.knative.dev/maxScale", most.to_string());
    }
    annotate("run.googleapis.com/cpu-throttling", (!gcp.cpu_always).to_string());
    if !gcp.cloud_sql.is_empty() {
        annotate("run.googleapis.com/cloudsql-instances", gcp.cloud_sql.join(","));
    }
    if let Some(vpc) = &gcp.vpc {
        annotate("run.googleapis.com/vpc-access-egress", text(&vpc.egress));
        match &vpc.connector {
            Some(connector) => annotate("run.googleapis.com/vpc-access-connector", connector.clone()),
            None => {
                let mut interface = Map::new();
                let parts = [("network", &vpc.network), ("subnetwork", &vpc.subnet)];
                for (key, part) in parts.into_iter().filter_map(|(key, part)| Some((key, part.as_ref()?))) {
                    interface.insert(key.into(), part.as_str().into());
                }
                if !vpc.tags.is_empty() {
                    interface.insert("tags".into(), json!(vpc.tags));
                }
                annotate("run.googleapis.com/network-interfaces", json!([interface]).to_string())
            }
        };
    }
    annotations
}

fn revision(config: &Config, project: &CloudProject, image: &str, given: &[Given]) -> Value {
    let gcp = &config.gcp;
    let mut variables = Vec::new();
    // What the adapter goes by; what the user says of it counts.
    for (name, value) in [
        ("GOOGLE_CLOUD_PROJECT", project.id.clone()),
        ("PMCP_TIME_LIMIT_MS", (u64::from(gcp.timeout_seconds) * 1000).to_string()),
    ] {
        if !config.environment.contains_key(name) && !config.secrets.contains_key(name) {
            variables.push(json!({ "name": name, "value": value }));
        }
    }
    variables.extend(config.environment.iter().map(|(name, value)| json!({ "name": name, "value": value })));
    let (mut volumes, mut mounts) = (Vec::new(), Vec::new());
    for (index, Given { variable, entry, version, file }) in given.iter().enumerate() {
        let Some((folder, file)) = file.as_ref().and_then(|file| file.rsplit_once('/')) else {
            let from = json!({ "secretKeyRef": { "name": entry, "key": version } });
            variables.push(json!({ "name": variable, "valueFrom": from }));
            continue;
        };
        let volume = format!("secret-{index}");
        let items = json!([{ "key": version, "path": file }]);
        volumes.push(json!({ "name": volume, "secret": { "secretName": entry, "items": items } }));
        mounts.push(json!({ "name": volume, "mountPath": folder }));
    }
    let mut container = json!({
        "image": image,
        "ports": [{ "containerPort": PORT }],
        "resources": { "limits": { "cpu": format!("{}m", (gcp.cpu * 1000.0).round()), "memory": format!("{}Mi", gcp.memory_mb) } },
        "env": variables,
    });
    let mut revision = json!({ "containerConcurrency": gcp.concurrency, "timeoutSeconds": gcp.timeout_seconds });
    if let Some(account) = &gcp.service_account {
        revision["serviceAccountName"] = account.as_str().into();
    }
    if !mounts.is_empty() {
        container["volumeMounts"] = mounts.into();
        revision["volumes"] = volumes.into();
    }
    revision["containers"] = json!([container]);
    revision
}

/// As serde writes a value that is one word.
fn text(word: &impl serde::Serialize) -> String {
    json!(word).as_str().unwrap_or_default().to_owned()
}

/// JSON whose strings YAML reads alike: some characters it wants escaped, and others it takes for ends of lines.
fn as_yaml(json: &str) -> String {
    let mut yaml = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                yaml.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => yaml.push(letter),
        }
    }
    yaml
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(lines: &str, given: &[Given]) -> Value {
        let text = format!("[target]\ntarget_type = \"google-cloud-run\"\n[server]\nname = \"crm\"\n{lines}\n");
        let config = Config::parse(&text, None).expect("a configuration");
        let project = CloudProject { id: "ada-project".into(), region: "europe-west1".into(), apis: Vec::new() };
        let encoded = encode(&config, &project, "host/crm/server@sha256:1", given, "1-2").expect("JSON");
        serde_json::from_str(&encoded).expect("JSON")
    }

    #[test]
    fn every_setting_has_its_place() {
        let given = [
            Given { variable: "KEY".into(), entry: "crm-KEY".into(), version: "3".into(), file: None },
            Given {
                variable: "CERT".into(),
                entry: "crm-CERT".into(),
                version: "1".into(),
                file: Some("/keys/cert.pem".into()),
            },
        ];
        let found = manifest(
            "[gcp]\nservice_account = \"crm@ada-project.iam.gserviceaccount.com\"\ncpu = 2\nmemory_mb = 1024\nconcurrency = 10\n\
             min_instances = 1\nmax_instances = 5\ntimeout_seconds = 3600\ningress = \"internal-and-cloud-load-balancing\"\n\
             authentication = \"iam\"\ncpu_always = true\ncloud_sql = [\"proj:us-east1:one\", \"a.com:proj:us-east1:two\"]\n\
             vpc = { network = \"n\", tags = [\"t\"], egress = \"all-traffic\" }\n[environment]\nGREETING = \"a, \\\"b\\\"\\n\"\n",
            &given,
        );
        assert_eq!(found["metadata"]["labels"], json!({ "pmcp-server": "crm", "pmcp-deployment": "1-2" }));
        let annotations = &found["metadata"]["annotations"];
        assert_eq!(annotations["run.googleapis.com/ingress"], "internal-and-cloud-load-balancing");
        assert_eq!(annotations["run.googleapis.com/invoker-iam-disabled"], "false");
        let template = &found["spec"]["template"];
        assert_eq!(
            template["metadata"]["annotations"],
            json!({
                "autoscaling.knative.dev/minScale": "1",
                "autoscaling.knative.dev/maxScale": "5",
                "run.googleapis.com/cpu-throttling": "false",
                "run.googleapis.com/cloudsql-instances": "proj:us-east1:one,a.com:proj:us-east1:two",
                "run.googleapis.com/vpc-access-egress": "all-traffic",
                "run.googleapis.com/network-interfaces": "[{\"network\":\"n\",\"tags\":[\"t\"]}]",
            })
        );
        let revision = &template["spec"];
        assert_eq!(
            (&revision["serviceAccountName"], &revision["containerConcurrency"], &revision["timeoutSeconds"]),
            (&json!("crm@ada-project.iam.gserviceaccount.com"), &json!(10), &json!(3600))
        );
        let container = &revision["containers"][0];
        assert_eq!(container["resources"]["limits"], json!({ "cpu": "2000m", "memory": "1024Mi" }));
        assert_eq!(
            container["env"],
            json!([
                { "name": "GOOGLE_CLOUD_PROJECT", "value": "ada-project" },
                { "name": "PMCP_TIME_LIMIT_MS", "value": "3600000" },
                { "name": "GREETING", "value": "a, \"b\"\n" },
                { "name": "KEY", "valueFrom": { "secretKeyRef": { "name": "crm-KEY", "key": "3" } } },
            ])
        );
        assert_eq!(container["volumeMounts"], json!([{ "name": "secret-1", "mountPath": "/keys" }]));
        let items = json!([{ "key": "1", "path": "cert.pem" }]);
        assert_eq!(
            revision["volumes"],
            json!([{ "name": "secret-1", "secret": { "secretName": "crm-CERT", "items": items } }])
        );
    }

    #[test]
    fn what_the_user_says_counts() {
        let found = manifest("[environment]\nPMCP_TIME_LIMIT_MS = \"5\"\n", &[]);
        let variables = found["spec"]["template"]["spec"]["containers"][0]["env"].to_string();
        assert_eq!(variables.matches("PMCP_TIME_LIMIT_MS").count(), 1, "{variables}");
    }

    #[test]
    fn yaml_reads_what_was_written() {
        assert_eq!(as_yaml("\"ä€😀\u{7f}\u{85}\u{2028}\u{feff}\\n\""), "\"ä€😀\\u007f\\u0085\\u2028\\ufeff\\n\"");
    }
}
