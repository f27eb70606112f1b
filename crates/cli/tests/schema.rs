//! `pontoon schema` as people use it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn pontoon(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pontoon")).args(args).current_dir(dir).output().unwrap()
}

#[test]
fn versions_are_compared_and_documents_held_to_a_schema() {
    let dir = tempfile::tempdir().unwrap();
    let schema = |required: &[&str]| json!({ "type": "object", "properties": { "orderId": { "type": "string" } }, "required": required });
    for (name, document) in [
        ("1.json", schema(&[])),
        ("2.json", schema(&["orderId"])),
        ("valid.json", json!({ "orderId": "123" })),
        ("invalid.json", json!({})),
    ] {
        std::fs::write(dir.path().join(name), document.to_string()).unwrap();
    }
    let missing =
        "backward: /orderId: required: the new version requires it, events of the old version may lack it\n";
    for (args, succeeds, out, err) in [
        (
            &["check", "1.json", "2.json"][..],
            false,
            missing,
            "pontoon: the versions do not go together: 1 break\n",
        ),
        (&["check", "1.json", "2.json", "--mode", "forward"], true, "", ""),
        (&["check", "2.json", "1.json"], true, "", ""),
        (&["validate", "2.json", "valid.json"], true, "", ""),
        (
            &["validate", "2.json", "invalid.json"],
            false,
            "/: \"orderId\" is a required property (/required)\n",
            "pontoon: invalid.json breaks the schema\n",
        ),
        (
            &["check", "1.json", "none.json"],
            false,
            "",
            "pontoon: none.json: No such file or directory (os error 2)\n",
        ),
    ] {
        let output = pontoon(dir.path(), &[&["schema"], args].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(output.status.success(), succeeds, "{args:?}");
        assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), (out, err), "{args:?}");
    }
    let output = pontoon(dir.path(), &["schema", "check", "1.json", "2.json", "--json"]);
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(listed[0]["path"], "/orderId");
}
