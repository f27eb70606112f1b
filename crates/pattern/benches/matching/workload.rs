//! Events and rules to measure with. Rules are numbered, and of any number of them only a few match one event, so that
//! what is measured is finding them.

/// What the rules of a measurement look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Source, detail-type, customer and status: what rules in the field look like.
    Mix,
    Exact,
    ExactList,
    Prefix,
    Suffix,
    EqualsIgnoreCase,
    Wildcard,
    AnythingBut,
    Numeric,
    Cidr,
    Exists,
    Or,
    /// Two conditions on one element of an array. The more rules there are, the more of an event's items have one.
    Elements,
    /// The same, where one item of an event has a rule, however many rules and items there are.
    OneElement,
}

impl Rules {
    pub const ALL: [Self; 14] = [
        Self::Mix,
        Self::Exact,
        Self::ExactList,
        Self::Prefix,
        Self::Suffix,
        Self::EqualsIgnoreCase,
        Self::Wildcard,
        Self::AnythingBut,
        Self::Numeric,
        Self::Cidr,
        Self::Exists,
        Self::Or,
        Self::Elements,
        Self::OneElement,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mix => "mix",
            Self::Exact => "exact",
            Self::ExactList => "exact, lists of 10",
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
            Self::EqualsIgnoreCase => "equals-ignore-case",
            Self::Wildcard => "wildcard",
            Self::AnythingBut => "anything-but",
            Self::Numeric => "numeric",
            Self::Cidr => "cidr",
            Self::Exists => "exists",
            Self::Or => "$or",
            Self::Elements => "elements",
            Self::OneElement => "one element",
        }
    }

    /// The pattern of a rule.
    pub fn pattern(self, number: usize) -> String {
        let customer = customer(number);
        match self {
            Self::Mix => mix(number),
            Self::Exact => format!(r#"{{"detail":{{"customer":{{"id":["{customer}"]}}}}}}"#),
            Self::ExactList => {
                let ten: Vec<String> =
                    (0..10).map(|n| format!("\"{}\"", self::customer(number * 10 + n))).collect();
                format!(r#"{{"detail":{{"customer":{{"id":[{}]}}}}}}"#, ten.join(","))
            }
            Self::Prefix => format!(r#"{{"detail":{{"customer":{{"id":[{{"prefix":"{customer}"}}]}}}}}}"#),
            Self::Suffix => {
                let end = &customer["customer".len()..];
                format!(r#"{{"detail":{{"customer":{{"id":[{{"suffix":"{end}"}}]}}}}}}"#)
            }
            Self::EqualsIgnoreCase => {
                let upper = customer.to_uppercase();
                format!(r#"{{"detail":{{"customer":{{"id":[{{"equals-ignore-case":"{upper}"}}]}}}}}}"#)
            }
            Self::Wildcard => {
                let middle = &customer["customer".len()..];
                format!(r#"{{"detail":{{"customer":{{"email":[{{"wildcard":"*{middle}@*"}}]}}}}}}"#)
            }
            Self::AnythingBut => format!(
                r#"{{"detail":{{"customer":{{"id":["{customer}"]}},"status":[{{"anything-but":["FAILED","LOST"]}}]}}}}"#
            ),
            Self::Numeric => format!(
                r#"{{"detail":{{"amount":[{{"numeric":[">=",{},"<",{}]}}]}}}}"#,
                number as f64 / 10.0,
                (number + 1) as f64 / 10.0
            ),
            Self::Cidr => {
                format!(
                    r#"{{"detail":{{"address":[{{"cidr":"10.{}.{}.{}/29"}}]}}}}"#,
                    number >> 13 & 255,
                    number >> 5 & 255,
                    number << 3 & 255
                )
            }
            Self::Exists => format!(
                r#"{{"detail":{{"customer":{{"id":["{customer}"],"email":[{{"exists":true}}]}},"refund":[{{"exists":false}}]}}}}"#
            ),
            Self::Or => format!(
                r#"{{"detail":{{"$or":[{{"customer":{{"id":["{customer}"]}}}},{{"orderId":["order-{number:08}"]}}]}}}}"#
            ),
            Self::Elements | Self::OneElement => format!(
                r#"{{"detail":{{"items":{{"sku":["sku-{number:06}"],"quantity":[{{"numeric":[">",0]}}]}}}}}}"#
            ),
        }
    }
}

fn customer(number: usize) -> String {
    format!("customer-{number:06}")
}

const SOURCES: [&str; 5] = ["shop.orders", "shop.payments", "shop.stock", "shop.shipping", "shop.returns"];
const TYPES: [&str; 4] = ["OrderCreated", "OrderUpdated", "OrderCancelled", "PaymentProcessed"];
const STATUSES: [&str; 4] = ["CREATED", "PAID", "SHIPPED", "CANCELLED"];

fn mix(number: usize) -> String {
    let status = STATUSES[number / 20 % 4];
    let status = match number % 3 {
        0 => format!("\"{status}\""),
        1 => format!("\"{status}\",\"PENDING\""),
        _ => format!("{{\"anything-but\":[\"{status}\"]}}"),
    };
    format!(
        r#"{{"source":["{}"],"detail-type":["{}"],"detail":{{"customer":{{"id":["{}"]}},"status":[{status}]}}}}"#,
        SOURCES[number % 5],
        TYPES[number / 5 % 4],
        customer(number / 4)
    )
}

/// How large the events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// About 1 KB.
    Small,
    /// About 24 KB: 100 items of nested objects and arrays.
    Large,
}

/// Events that the first `count` rules know about.
pub fn events(rules: Rules, size: Size, count: usize) -> Vec<String> {
    (0..64).map(|number| event(rules, size, number, number * 7919 % count.max(1))).collect()
}

fn event(rules: Rules, size: Size, number: usize, rule: usize) -> String {
    let items = if size == Size::Small { 3 } else { 100 };
    let mut lines = String::new();
    for item in 0..items {
        let comma = if item == 0 { "" } else { "," };
        // Behind 100,000 there are no rules.
        let unknown = if rules == Rules::OneElement && item > 0 { 100_000 } else { 0 };
        let sku = (rule + item * 31) % 100_000 + unknown;
        lines +=
            &format!(r#"{comma}{{"sku":"sku-{sku:06}","quantity":{},"price":{}.25"#, item % 4 + 1, 10 + item);
        if size == Size::Large {
            let stock: Vec<String> = (0..3)
                .map(|n| format!(r#"{{"code":"W{n}","shelf":[{n},{item}],"left":{}}}"#, item * n))
                .collect();
            lines += &format!(r#","tags":["a{item}","fragile"],"stock":[{}]"#, stock.join(","));
        }
        lines.push('}');
    }
    format!(
        concat!(
            r#"{{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63{number:04}","detail-type":"{kind}","source":"{source}","#,
            r#""account":"123456789012","time":"2026-01-22T18:43:48Z","region":"us-east-1","#,
            r#""resources":["arn:aws:dynamodb:us-east-1:123456789012:table/orders"],"#,
            r#""detail":{{"orderId":"order-{rule:08}","customer":{{"id":"{customer}","tier":"gold","email":"buyer{customer_number}@example.com"}},"#,
            r#""status":"{status}","amount":{amount},"currency":"EUR","address":"10.{a}.{b}.{c}","items":[{items}],"#,
            r#""shipping":{{"carrier":"parcel","street":"12 Long Street","city":"Sample Town","zip":"12345","country":"DE"}},"#,
            r#""note":"Please leave the parcel with the neighbours if nobody is at home.","#,
            r#""metadata":{{"correlationId":"c6b0b6a0-1111-4222-8333-9a8b7c6d5e4f","trace":"1-5759e988-bd862e3fe1be46a994272793","attempt":1,"test":false}}}}}}"#
        ),
        number = number,
        kind = TYPES[rule / 5 % 4],
        source = SOURCES[rule % 5],
        rule = rule,
        customer = customer(rule / 4),
        customer_number = &customer(rule)["customer".len()..],
        status = STATUSES[rule / 20 % 4],
        amount = rule as f64 / 10.0 + 0.05,
        a = rule >> 13 & 255,
        b = rule >> 5 & 255,
        c = rule << 3 & 255,
        items = lines,
    )
}
