//! What each protocol's reader takes, what it refuses and in which words; and that none of them ever panics.

use std::collections::BTreeMap;

use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::Encode as _;
use pontoon_core::shape::{DecodeError, StructSchema};
use pontoon_wire::protocol::cbor::reader::CborReader;
use pontoon_wire::protocol::cbor::writer::CborWriter;
use pontoon_wire::protocol::json::reader::{DEPTH_MAX, JsonReader};
use pontoon_wire::protocol::json::writer::JsonWriter;
use pontoon_wire::protocol::query::form;
use pontoon_wire::protocol::query::reader::FormTree;
use pontoon_wire::protocol::xml::reader::XmlTree;
use pontoon_wire::protocol::xml::writer::{Naming, XmlWriter};
use proptest::prelude::*;

use crate::toy::{FLAT_THING, THING, Thing, ThingOf, decode};

fn json(text: impl AsRef<[u8]>) -> Result<Thing, String> {
    let mut reader = JsonReader::new(text.as_ref()).map_err(message)?.of_package("com.toy");
    let thing = decode(&THING, &mut reader).map_err(message)?;
    reader.finish().map_err(message)?;
    Ok(thing)
}

fn form_as(schema: &'static StructSchema, text: impl AsRef<[u8]>) -> Result<Thing, String> {
    let pairs = form::parse(text.as_ref()).map_err(|error| format!("{error:?}"))?;
    let tree = FormTree::new(&pairs).map_err(message)?;
    decode(schema, &mut tree.reader()).map_err(message)
}

fn xml(text: impl AsRef<[u8]>) -> Result<Thing, String> {
    let tree = XmlTree::parse(text.as_ref()).map_err(message)?;
    decode(&THING, &mut tree.reader(Naming::Rest)).map_err(message)
}

fn cbor(bytes: &[u8]) -> Result<Thing, String> {
    let mut reader = CborReader::new(bytes);
    let thing = decode(&THING, &mut reader).map_err(message)?;
    reader.finish().map_err(message)?;
    Ok(thing)
}

fn message(error: DecodeError) -> String {
    error.message.into_owned()
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn json_values_of_wrong_types_are_told_in_dynamodbs_words() {
    for (document, expected) in [
        (r#"{"Flag":"23"}"#, "Unexpected token received from parser"),
        (r#"{"Flag":34.56}"#, "DECIMAL_VALUE cannot be converted to Boolean"),
        (r#"{"Flag":[]}"#, "Unrecognized collection type class java.lang.Boolean"),
        (r#"{"Flag":{}}"#, "Start of structure or map found where not expected"),
        (r#"{"Text":true}"#, "TRUE_VALUE cannot be converted to String"),
        (r#"{"Text":-2147483648}"#, "NUMBER_VALUE cannot be converted to String"),
        (r#"{"Number":"23"}"#, "STRING_VALUE cannot be converted to Long"),
        (r#"{"Number":false}"#, "FALSE_VALUE cannot be converted to Long"),
        (r#"{"Number":9223372036854775808}"#, "NUMBER_VALUE cannot be converted to Long"),
        (r#"{"Blob":23}"#, "only base-64-encoded strings are convertible to bytes"),
        (r#"{"Blob":[]}"#, "Unrecognized collection type class java.nio.ByteBuffer"),
        (r#"{"Blob":"23456"}"#, "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        (r#"{"Blob":"=+/="}"#, "Invalid last non-pad Base64 character dectected"),
        (r#"{"Names":"23"}"#, "Unexpected field type"),
        (r#"{"Names":{}}"#, "Start of structure or map found where not expected"),
        (r#"{"Names":[1]}"#, "NUMBER_VALUE cannot be converted to String"),
        (r#"{"Tags":7}"#, "Unexpected field type"),
        (r#"{"Inner":7}"#, "Unexpected field type"),
        (r#"{"Inner":[]}"#, "Unrecognized collection type class com.toy.Thing"),
        (r#"{"Parts":[7]}"#, "Unexpected value type in payload"),
        ("7", "Unexpected value type in payload"),
    ] {
        assert_eq!(json(document).unwrap_err(), expected, "{document}");
    }
}

#[test]
fn what_is_not_json_is_refused_without_a_message() {
    let malformed = [
        "",
        " ",
        "{",
        "{\"Text\"",
        "{\"Text\":",
        "{\"Text\":\"",
        "{\"Text\":\"a",
        "{\"Text\":\"a\"",
        "{\"Text\":\"a\",}",
        "{,}",
        "{} {}",
        "{\"Number\":01}",
        "{\"Number\":-}",
        "{\"Number\":1.}",
        "{\"Number\":1e}",
        "{\"Number\":.5}",
        "{\"Number\":+1}",
        "{\"Flag\":tru}",
        "{\"x\":nul}",
        "{\"x\":[1,]}",
        "{\"x\":[1 2]}",
        "{\"Text\":\"\\x\"}",
        "{\"Text\":\"\\u12\"}",
        "{\"Text\":\"\\ud800\"}",
        "{\"Text\":\"\\ud800\\u0041\"}",
        "{\"Text\":\"\\udc00\"}",
        "{\"Text\":\"\n\"}",
        "{'Text':1}",
        "{Text:1}",
        "{\"Text\":\"\\u00e\u{e9}\"}",
    ];
    for document in malformed {
        assert_eq!(json(document), Err(String::new()), "{document}");
    }
    assert_eq!(json(b"{\"Text\":\"\xff\"}"), Err(String::new()));
}

#[test]
fn json_is_read_exactly() {
    let read = json(
        r#" { "Text" : "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00" , "Number" : -9223372036854775808, "Ratio": 1e-7, "Flag":false,
            "Blob":"AP8=", "At":1769862896.789, "Tags":{"a":"1","":""}, "Names":["x",""], "Parts":[{"Number":5.0},{}],
            "Inner":{"Ratio":"-Infinity","Text":null}, "Document":{"a":[1,{"b":null}]}, "Unknown":[{"deep":["er"]}], "__type":"x" } "#,
    );
    let expected = Thing {
        text: text("\"\\/\u{8}\u{c}\n\r\té😀"),
        number: Some(i64::MIN),
        ratio: Some(1e-7),
        flag: Some(false),
        blob: Some(Bytes::from_static(b"\0\xff")),
        at: Some(Timestamp::from_millis(1_769_862_896_789)),
        tags: Some(BTreeMap::from([("a".to_owned(), "1".to_owned()), (String::new(), String::new())])),
        names: Some(vec!["x".to_owned(), String::new()]),
        parts: Some(vec![Thing { number: Some(5), ..Thing::default() }, Thing::default()]),
        inner: Some(Box::new(Thing { ratio: Some(f64::NEG_INFINITY), ..Thing::default() })),
        document: Some(serde_json::json!({"a": [1, {"b": null}]})),
    };
    assert_eq!(read, Ok(expected));
    let first_of_two = json(r#"{"Text":"first","Number":1,"Text":"second"}"#).unwrap();
    assert_eq!((first_of_two.text, first_of_two.number), (text("first"), Some(1)));
}

#[test]
fn nesting_is_bounded_in_every_protocol() {
    let nested = |depth: usize| format!("{}{}", "{\"Inner\":".repeat(depth), "{}") + &"}".repeat(depth);
    assert!(json(nested(DEPTH_MAX as usize - 1)).is_ok());
    assert_eq!(json(nested(DEPTH_MAX as usize)).unwrap_err(), "Document nesting is too deep");
    assert!(json(nested(100_000)).is_err());
    assert!(json("{\"x\":".to_owned() + &"[".repeat(1_000_000)).is_err());
    assert!(json("{\"Document\":".to_owned() + &"[".repeat(1_000_000)).is_err());
    assert!(xml("<Inner>".repeat(100_000)).is_err());
    assert!(cbor(&b"\xbf\x65Inner".repeat(100_000)).is_err());
    assert!(cbor(&[&b"\xa1\x61x"[..], &b"\x81".repeat(1_000_000)].concat()).is_err());
    assert!(cbor(&[&b"\xa1\x61x"[..], &b"\xc1".repeat(1_000_000)].concat()).is_err());
    assert!(form_as(&THING, "Inner.".repeat(100_000)).is_err());
}

#[test]
fn forms_are_read_by_the_query_protocols_names() {
    let read = form_as(
        &THING,
        "Text=a%20b+c%2B%C3%A9&Number=-5&Ratio=NaN&Flag=true&Blob=AP8%3D&At=2026-01-31T12%3A34%3A56.789Z\
         &Tags.entry.1.key=k&Tags.entry.1.value=v&Names.member.10=last&Names.member.2=first&Parts.member.1.Inner.Text=&Unknown.1=x&&Action=Echo",
    )
    .unwrap();
    assert_eq!((read.text, read.number, read.flag), (text("a b c+é"), Some(-5), Some(true)));
    assert!(read.ratio.unwrap().is_nan());
    assert_eq!(read.at, Some(Timestamp::from_millis(1_769_862_896_789)));
    assert_eq!(read.tags, Some(BTreeMap::from([("k".to_owned(), "v".to_owned())])));
    assert_eq!(read.names, Some(vec!["first".to_owned(), "last".to_owned()]));
    assert_eq!(read.parts.unwrap()[0].inner.as_ref().unwrap().text, text(""));
    let flat = form_as(&FLAT_THING, "Txt=a&Tag.1.key=k&Tag.1.value=v&Name.1=x&Part.1.Txt=y&Part.2.Number=1")
        .unwrap();
    assert_eq!((flat.text, flat.names), (text("a"), Some(vec!["x".to_owned()])));
    assert_eq!(flat.parts.unwrap().len(), 2);
    assert_eq!(form_as(&FLAT_THING, "Name=All").unwrap().names, Some(vec!["All".to_owned()]));
    assert_eq!(form_as(&THING, "Names=").unwrap().names, Some(Vec::new()));
}

#[test]
fn malformed_forms_are_told_in_corals_words() {
    for (body, expected) in [
        ("Number=abc", "integer must follow xsd1.1 definition"),
        ("Number=1.5", "integer must follow xsd1.1 definition"),
        ("Number=", "integer must follow xsd1.1 definition"),
        ("Flag=yes", "boolean must follow xsd1.1 definition"),
        ("At=yesterday", "timestamp must follow ISO8601"),
        ("Text.1=a", "Start of list found where not expected"),
        ("Names.1=a", "Top level element may not be treated as a list"),
        ("Names.member.1.x=a", "Start of list found where not expected"),
        ("Text=%zz", "Malformed"),
        ("Text=%C3", "Malformed"),
        ("Text=%e", "Malformed"),
    ] {
        assert_eq!(form_as(&THING, body).unwrap_err(), expected, "{body}");
    }
    assert_eq!(form_as(&THING, "Tags.entry.1.key=k").unwrap_err(), "Tags must have both key and value");
    assert_eq!(
        form_as(&FLAT_THING, "Name.member.1=a").unwrap_err(),
        "Start of list found where not expected"
    );
    assert_eq!(form_as(&THING, "a&".repeat(form::PAIRS_MAX + 1)).unwrap_err(), "TooMany");
}

#[test]
fn xml_is_read_with_entities_and_cdata_but_without_declared_entities() {
    let read = xml(
        "<?xml version=\"1.0\"?><!-- c --><x xmlns=\"n\"><Text>a &lt;&#x41;&amp; <![CDATA[<b>]]></Text><Number> 5 </Number>\
         <Names><member>x</member><other/><member/></Names><Inner><Flag>true</Flag></Inner></x>",
    )
    .unwrap();
    assert_eq!((read.text, read.number), (text("a <A& <b>"), Some(5)));
    assert_eq!(read.names, Some(vec!["x".to_owned(), String::new()]));
    assert_eq!(read.inner.unwrap().flag, Some(true));
    for malformed in [
        "",
        "text",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "<x><Number>five</Number></x>",
        "<x><Text><b/></Text></x>",
        "<x>&unknown;</x>",
        "<!DOCTYPE x [<!ENTITY e \"boom\">]><x><Text>&e;</Text></x>",
    ] {
        assert!(xml(malformed).is_err(), "{malformed}");
    }
}

#[test]
fn cbor_is_read_in_every_length_and_width() {
    // {_ "Text": (_ "a", "b"), "Number": -2**63, "Ratio": half 1.5, "At": 1(1769862896.5), "Names": [_ "x"], "Unknown": 24(h'00'), "Flag": undefined}
    let bytes = b"\xbf\x64Text\x7f\x61a\x61b\xff\x66Number\x3b\x7f\xff\xff\xff\xff\xff\xff\xff\x65Ratio\xf9\x3e\x00\
                  \x62At\xc1\xfb\x41\xda\x5f\x7e\x1c\x20\x00\x00\x65Names\x9f\x61x\xff\x67Unknown\xd8\x18\x41\x00\x64Flag\xf7\xff";
    let read = cbor(bytes).unwrap();
    assert_eq!(
        (read.text, read.number, read.ratio, read.flag),
        (text("ab"), Some(i64::MIN), Some(1.5), None)
    );
    assert_eq!(read.names, Some(vec!["x".to_owned()]));
    assert_eq!(read.at.unwrap().millis() % 1000, 500);
    for (half, value) in
        [(0x0001u16, 5.960_464_477_539_063e-8), (0x7bff, 65504.0), (0xc400, -4.0), (0x7c00, f64::INFINITY)]
    {
        let read = cbor(&[&b"\xa1\x65Ratio\xf9"[..], &half.to_be_bytes()].concat()).unwrap();
        assert_eq!(read.ratio, Some(value));
    }
    assert_eq!(cbor(b"\xa1\x65Ratio\xfa\x3f\x80\x00\x00").unwrap().ratio, Some(1.0));
    for malformed in [
        &b""[..],
        b"\xa1",
        b"\xa1\x64Text",
        b"\xa1\x64Text\x63ab",
        b"\xa1\x64Text\x05",
        b"\xa1\x64Text\x62\xff\xfe",
        b"\xbf\x64Text\x61a",
        b"\xa0\x00",
        b"\xa1\x05\x05",
        b"\xff",
        b"\x1c",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x64Text\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
        // A bignum (tag 2) is no integer here.
        b"\xa1\x66Number\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\xa1\x66Number\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x62At\x05",
    ] {
        assert!(cbor(malformed).is_err(), "{malformed:x?}");
    }
}

fn any_thing() -> impl Strategy<Value = Thing> {
    // XML has not every character, and drops space around scalars; the other protocols carry anything.
    let leaf = (
        proptest::option::of("[a-z<>&\"' é😀]{1,8}"),
        proptest::option::of(any::<i64>()),
        proptest::option::of(-1e12f64..1e12),
        proptest::option::of(any::<bool>()),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..6).prop_map(Bytes::from)),
        proptest::option::of((0i64..4_102_444_800_000).prop_map(Timestamp::from_millis)),
        proptest::option::of(proptest::collection::btree_map("[a-z]{1,3}", "[a-z]{0,3}", 1..3)),
        proptest::option::of(proptest::collection::vec("[a-z]{1,4}", 1..4)),
    );
    leaf.prop_map(|(text, number, ratio, flag, blob, at, tags, names)| Thing {
        text,
        number,
        ratio,
        flag,
        blob,
        at,
        tags,
        names,
        ..Thing::default()
    })
    .prop_recursive(3, 12, 3, |inner| {
        (
            inner.clone(),
            proptest::option::of(inner.clone()),
            proptest::option::of(proptest::collection::vec(inner, 1..3)),
        )
            .prop_map(|(thing, inner, parts)| Thing { inner: inner.map(Box::new), parts, ..thing })
    })
}

proptest! {
    #[test]
    fn whatever_is_written_reads_back_the_same(thing in any_thing()) {
        let output = ThingOf(&THING, thing.clone());
        let mut out = Vec::new();
        output.encode(&mut JsonWriter::new(&mut out));
        prop_assert_eq!(json(&out), Ok(thing.clone()));
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        out.clear();
        output.encode(&mut CborWriter::new(&mut out));
        prop_assert_eq!(cbor(&out), Ok(thing.clone()));
        out.clear();
        output.encode(&mut XmlWriter::new(&mut out, "thing", Naming::Rest));
        prop_assert_eq!(xml(&out), Ok(thing));
    }

    #[test]
    fn readers_take_any_bytes_without_panicking(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        drop((cbor(&bytes), xml(&bytes), form_as(&THING, &bytes), form_as(&FLAT_THING, &bytes)));
        drop(json(&bytes));
    }

    #[test]
    fn readers_take_almost_valid_bytes_without_panicking(
        thing in any_thing(), at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()
    ) {
        let mut out = Vec::new();
        let output = ThingOf(&THING, thing);
        output.encode(&mut JsonWriter::new(&mut out));
        out.push(b' ');
        let change = |out: &mut Vec<u8>| {
            let at = at.index(out.len());
            if cut { out.truncate(at) } else { out[at] = byte }
        };
        change(&mut out);
        // Ours may be stricter (types) but never laxer than JSON's grammar, which has numbers of any size.
        prop_assert!(json(&out).is_err() || serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok());
        out.clear();
        output.encode(&mut CborWriter::new(&mut out));
        change(&mut out);
        drop(cbor(&out));
        out.clear();
        output.encode(&mut XmlWriter::new(&mut out, "thing", Naming::Rest));
        change(&mut out);
        drop(xml(&out));
    }

    #[test]
    fn documents_are_what_serde_json_reads(text in "[\\[\\]{}:,\"a0-9.eE+\\-tru nl\\\\]{0,24}") {
        let document = format!("{{\"Document\":{text}}}");
        let ours = json(&document).map(|thing| thing.document);
        let theirs: Result<serde_json::Value, _> = serde_json::from_str(&document);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                let expected = theirs.get("Document").filter(|value| !value.is_null());
                prop_assert_eq!(ours.as_ref(), expected);
            }
            (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", document),
        }
    }
}
