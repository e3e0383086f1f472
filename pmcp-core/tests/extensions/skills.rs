//! Skills: folders of files, listed with what they are and read as resources.

use pmcp_core::{
    BuildError, BuildErrors, SkillError,
    jsonrpc::ErrorCode,
    prelude::*,
    protocol::Revision,
    serde_json::{Value, json},
    testing::Client,
};

use super::declared;

const REFUNDS: &str = "---\nname: refunds\ndescription: How to pay money back.\nlicense: MIT\nmetadata:\n  level: 2\n  \
                       since: 2026-01-01\n---\n\nAsk for the receipt.\n";
const NESTED: &str = "---\r\nname: receipts\r\ndescription: How to read them.\r\n---\r\n";

fn shop() -> ServerBuilder {
    Server::builder("shop", "1.0.0").skills([
        ("billing/refunds/SKILL.md", REFUNDS.as_bytes()),
        ("billing/refunds/forms/receipts/SKILL.md", NESTED.as_bytes()),
        ("billing/refunds/forms/blank form.pdf", &[0x25, 0xff]),
        ("billing/refunds/forms/steps.txt", b"One step."),
    ])
}

fn result(client: &Client, method: &str, params: Value) -> Value {
    pollster::block_on(client.request(method, params)).result.unwrap_or_else(|error| panic!("{method}: {error:?}"))
}

#[test]
fn every_revision_with_extensions_is_shown_the_same_skills() {
    for revision in Revision::ALL {
        let client = Client::new(shop()).expect("a server").with_revision(revision);
        let declares = pollster::block_on(declared(&client, revision));
        if revision < Revision::V2025_06_18 {
            assert_eq!(declares, Value::Null);
            let refused = pollster::block_on(client.request("skills/list", json!({}))).result.expect_err("no method");
            assert_eq!(refused.code, ErrorCode::METHOD_NOT_FOUND, "{revision}");
            continue;
        }
        assert_eq!(declares, json!({ "io.modelcontextprotocol/skills": { "directoryRead": true } }));
        let listed = result(&client, "skills/list", json!({}));
        assert_eq!(listed.get("ttlMs").is_some(), !revision.is_legacy(), "{listed}");
        let uris: Vec<_> = listed["skills"].as_array().expect("skills").iter().map(|skill| &skill["uri"]).collect();
        let refunds = "skill://billing/refunds/SKILL.md";
        assert_eq!(uris, [refunds, "skill://billing/refunds/forms/receipts/SKILL.md"]);
        let skill = &listed["skills"][0];
        assert_eq!(
            skill["frontmatter"],
            json!({
                "name": "refunds",
                "description": "How to pay money back.",
                "license": "MIT",
                "metadata": { "level": 2, "since": "2026-01-01" },
            })
        );
        let one = result(&client, "skills/get", json!({ "uri": refunds }));
        assert_eq!(&one["skill"], skill);
        assert_eq!(one.get("cacheScope").is_some(), !revision.is_legacy(), "{one}");
        assert_eq!(one.get("resultType").is_some(), !revision.is_legacy(), "{one}");
    }
}

#[test]
fn files_are_what_the_skill_says_they_are() {
    let client = Client::new(shop()).expect("a server");
    let listed = result(&client, "skills/list", json!({}));
    let digests: Vec<_> = listed["skills"][0]["resources"].as_array().expect("files").clone();
    let file = |name: &str, digest: &str, size: u32| json!({ "uri": format!("skill://billing/refunds/{name}"), "digest": format!("sha256:{digest}"), "size": size });
    // By sha256sum.
    let expected = [
        file("SKILL.md", "0f82199acb9038cd602d2b58c57f3814de62e31ca16910cc184fc3ec1d18106d", 134),
        file("forms/blank%20form.pdf", "6023fa45aab3535a026c53e48b3774c707315134a5ba98bf46b8e2f596734837", 2),
        file("forms/receipts/SKILL.md", "3850c27337556d943b8f6179ae3f2403bfcb8648c284c5b8d9207b422f95211f", 58),
        file("forms/steps.txt", "91fbb43c114380652d3da1f0b01691f0fe4f72659738c1f22be07294e09b4bc8", 9),
    ];
    assert_eq!(digests, expected);

    let read = |uri: &str| pollster::block_on(client.read_resource(uri)).expect("contents").contents.remove(0);
    let manifest = read("skill://billing/refunds/SKILL.md");
    assert_eq!((manifest.mime_type.as_deref(), manifest.text.as_deref()), (Some("text/markdown"), Some(REFUNDS)));
    let form = read("skill://billing/refunds/forms/blank%20form.pdf");
    assert_eq!((form.mime_type.as_deref(), form.blob.as_deref()), (Some("application/pdf"), Some("Jf8=")));
    assert_eq!(read("skill://billing/refunds/forms/steps.txt").mime_type.as_deref(), Some("text/plain"));

    // What is not a skill by itself is found through one.
    let resources = pollster::block_on(client.list_resources()).expect("resources");
    let shown: Vec<_> = resources.iter().map(|known| (known.name.as_str(), known.description.as_deref())).collect();
    assert_eq!(shown, [("refunds", Some("How to pay money back.")), ("receipts", Some("How to read them."))]);
}

#[test]
fn directories_show_what_is_directly_in_them() {
    let client = Client::new(shop().page_size(2)).expect("a server");
    let names = |uri: &str, cursor: Option<&str>| {
        let page = result(&client, "resources/directory/read", json!({ "uri": uri, "cursor": cursor }));
        let children = page["resources"].as_array().expect("children").iter();
        let shown = children.map(|child| format!("{} {}", child["name"], child["mimeType"]).replace('"', ""));
        (shown.collect::<Vec<_>>(), page.get("nextCursor").and_then(Value::as_str).map(str::to_owned))
    };
    assert_eq!(names("skill://billing", None), (vec!["refunds inode/directory".to_owned()], None));
    let (children, _) = names("skill://billing/refunds", None);
    assert_eq!(children, ["refunds text/markdown", "forms inode/directory"]);
    let forms = "skill://billing/refunds/forms";
    let (children, next) = names(forms, None);
    assert_eq!(children, ["blank form.pdf application/pdf", "receipts inode/directory"]);
    assert_eq!(names(forms, next.as_deref()), (vec!["steps.txt text/plain".to_owned()], None));
}

#[test]
fn what_is_not_there_is_an_invalid_parameter() {
    let client = Client::new(shop()).expect("a server");
    for (method, uri) in [
        ("skills/get", "skill://billing/refunds"),
        ("skills/get", "skill://billing/refunds/forms/steps.txt"),
        ("skills/get", "skill://else/SKILL.md"),
        ("resources/directory/read", "skill://billing/refunds/SKILL.md"),
        ("resources/directory/read", "skill://billing/refunds/"),
        ("resources/directory/read", "skill://"),
        ("resources/read", "skill://billing/refunds"),
    ] {
        let refused = pollster::block_on(client.request(method, json!({ "uri": uri }))).result.expect_err(uri);
        assert_eq!(refused.code, ErrorCode::INVALID_PARAMS, "{method} {uri}");
        assert!(refused.message.contains(uri) || method == "resources/read", "{refused:?}");
    }
    // Without skills there are no such methods.
    let client = Client::new(Server::builder("shop", "1.0.0")).expect("a server");
    for method in ["skills/list", "skills/get", "resources/directory/read"] {
        let refused =
            pollster::block_on(client.request(method, json!({ "uri": "skill://a" }))).result.expect_err(method);
        assert_eq!(refused.code, ErrorCode::METHOD_NOT_FOUND);
    }
}

fn errors(builder: ServerBuilder) -> Vec<(String, SkillError)> {
    let BuildErrors(errors) = builder.build().err().unwrap_or(BuildErrors(Vec::new()));
    let of_skill = |error| match error {
        BuildError::Skill { file, error } => (file, error),
        other => panic!("{other}"),
    };
    errors.into_iter().map(of_skill).collect()
}

fn manifest(text: impl Into<String>) -> Vec<(String, SkillError)> {
    errors(Server::builder("shop", "1.0.0").skills([("a/SKILL.md", text.into().into_bytes())]))
}

#[test]
fn a_bad_manifest_is_refused_by_name() {
    let described = |lines: &str| format!("---\nname: a\ndescription: b\n{lines}\n---\n");
    let at = |error: SkillError| vec![("a/SKILL.md".to_owned(), error)];
    assert_eq!(manifest(described("")), []);
    assert_eq!(manifest("\u{feff}---\nname: a\ndescription: b\n---"), []);
    for text in ["", "# A", "---\nname: a\ndescription: b\n", "---\n- a\n---\n", "---\n---\n", "x---\nname: a\n---\n"] {
        assert_eq!(manifest(text), at(SkillError::NoFrontmatter), "{text}");
    }
    assert!(matches!(&manifest("---\nname: [\n---\n")[..], [(_, SkillError::Yaml(_))]));
    for lines in ["1: a", "a: .nan", "a: !b c"] {
        assert!(matches!(&manifest(described(lines))[..], [(_, SkillError::NotJson(_))]), "{lines}");
    }
    let field = |text: String| match manifest(text).as_slice() {
        [(_, SkillError::Field { field, .. })] => *field,
        other => panic!("{other:?}"),
    };
    let too_long = "a".repeat(65);
    for name in ["", "A", "-a", "a-", "a--b", "a b", "7.5", too_long.as_str()] {
        assert_eq!(field(format!("---\nname: {name}\ndescription: b\n---\n")), "name", "{name}");
    }
    assert_eq!(field("---\nname: a\n---\n".to_owned()), "description");
    assert_eq!(field(format!("---\nname: a\ndescription: {}\n---\n", "b".repeat(1025))), "description");
    assert_eq!(field(described("compatibility: ''")), "compatibility");
    assert_eq!(field(described("metadata:\n  io.modelcontextprotocol/x: y")), "metadata");
    assert_eq!(manifest("---\nname: b\ndescription: b\n---\n"), at(SkillError::Folder("b".to_owned())));
    let bytes = Server::builder("shop", "1.0.0").skills([("a/SKILL.md", vec![0xff])]);
    assert_eq!(errors(bytes), at(SkillError::NotText));
}

#[test]
fn a_bad_folder_is_refused_by_name() {
    let good = || ("a/SKILL.md".to_owned(), b"---\nname: a\ndescription: b\n---\n".to_vec());
    let with = |path: &str| errors(Server::builder("shop", "1.0.0").skills([good(), (path.to_owned(), Vec::new())]));
    assert_eq!(with("a/b/c.md"), []);
    assert_eq!(with("README.md"), [("README.md".to_owned(), SkillError::Stray)]);
    assert_eq!(with("SKILL.md"), [("SKILL.md".to_owned(), SkillError::Stray)]);
    assert_eq!(with("a/SKILL.md.md"), []);
    assert_eq!(with("b/c.md"), [("b/c.md".to_owned(), SkillError::Stray)]);
    for path in ["/a/b", "a//b", "a/../b", "a/b/"] {
        assert_eq!(with(path), [(path.to_owned(), SkillError::BadPath)]);
    }
    let many = (0..512).map(|number| (format!("a/{number}"), Vec::new()));
    let found = errors(Server::builder("shop", "1.0.0").skills(many.chain([good()])));
    assert_eq!(found, [("a/SKILL.md".to_owned(), SkillError::TooManyFiles(513))]);
    let large = ("a/large".to_owned(), vec![0; 16 * 1024 * 1024]);
    let found = errors(Server::builder("shop", "1.0.0").skills([good(), large]));
    assert!(matches!(&found[..], [(_, SkillError::TooLarge(_))]), "{found:?}");
    let words =
        BuildErrors(vec![BuildError::Skill { file: found[0].0.clone(), error: found[0].1.clone() }]).to_string();
    assert!(words.contains("skill file `a/SKILL.md`"), "{words}");
}

#[test]
fn parts_bring_their_skills() {
    let other = Server::builder("part", "1.0.0").skills([("a/SKILL.md", b"---\nname: a\ndescription: b\n---\n")]);
    let client = Client::new(shop().merge(other)).expect("a server");
    let listed = result(&client, "skills/list", json!({}));
    assert_eq!(listed["skills"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        result(&client, "skills/get", json!({ "uri": "skill://a/SKILL.md" }))["skill"]["frontmatter"]["name"],
        "a"
    );
}
