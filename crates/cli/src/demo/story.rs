//! What happens in the demo, step by step, each step checked.

use std::path::Path;
use std::time::Duration;

use pontoon_api::{cloudwatch, dynamodb, sqs};
use serde_json::Value;

use orders::order::{Order, Status};
use pontoon::publish::{EventBus, PublishError, Publisher};

use super::orders::{order, publish as put, publisher as publisher_onto};
use crate::deploy::{self, Deployment, Prepared};
use crate::local::Local;
use crate::show::{Paint, paint, say, table};
use crate::trace;

const STACK: &str = "orders";

/// The names that the stack gave its resources.
struct System {
    outputs: Vec<(String, String)>,
}

impl System {
    fn of(&self, name: &str) -> Result<&str, String> {
        let found = self.outputs.iter().find(|(output, _)| output == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| format!("the stack has no output {name}"))
    }
}

/// Counts for the summary.
#[derive(Default)]
struct Summary {
    published: usize,
    skipped: Duration,
}

fn heading(text: &str) {
    say!("\n{}", paint(Paint::Bold, text));
}

/// Tells the whole story.
///
/// # Errors
/// The first thing that went otherwise than it should.
pub async fn tell(local: &Local, home: &Path) -> Result<(), String> {
    let mut summary = Summary::default();
    heading("1. Deploy the template through CloudFormation");
    let prepared = prepare(home)?;
    let system = System { outputs: deploy_with(local, &prepared, "down").await? };

    heading("2. Publish orders; one that breaks the event schema is refused before it is sent");
    let publisher = publisher_onto(local, system.of("Bus")?)?;
    let good = [
        order(1, "anna", Status::Pending, 99.99),
        order(2, "ben", Status::Completed, 12.5),
        order(3, "carla", Status::Pending, 2500.0),
    ];
    let mut events = Vec::new();
    for order in good {
        events.push(publish(&publisher, order, &mut summary).await?);
    }
    refused(&publisher).await?;
    pass(local, Duration::from_secs(1), &mut summary).await?;

    heading("3. Each event's way");
    for event in &events {
        show_way(local, event)?;
    }
    expect_rows(local, &system, 3).await?;

    heading(
        "4. The payment gateway is down: orders in processing fail, three receives each, and go to the dead-letter queue",
    );
    let mut poison = Vec::new();
    for (number, customer) in [(4, "dora"), (5, "emil")] {
        let order = order(number, customer, Status::Processing, 40.0);
        poison.push(publish(&publisher, order, &mut summary).await?);
    }
    pass_until(local, &mut summary, "the dead-letter queue holds both", async || {
        visible(local, system.of("DeadLetters")?).await.map(|n| n == 2)
    })
    .await?;
    show_way(local, &poison[0])?;

    heading("5. The alarm on the dead-letter queue");
    pass_until(local, &mut summary, "the alarm is in ALARM", async || {
        state(local, &system).await.map(|s| s == "ALARM")
    })
    .await?;
    show_alerts(local, &system, "ALARM").await?;

    heading("6. Mend the gateway by a stack update, and redrive the dead letters");
    deploy_with(local, &prepared, "up").await?;
    redrive(local, &system).await?;
    pass(local, Duration::from_secs(2), &mut summary).await?;
    show_way(local, &poison[0])?;
    expect_rows(local, &system, 5).await?;
    pass_until(local, &mut summary, "the alarm is back in OK", async || {
        state(local, &system).await.map(|s| s == "OK")
    })
    .await?;
    show_alerts(local, &system, "OK").await?;

    heading("7. What is left");
    show_table(local, &system).await?;
    show_summary(local, &system, &summary).await
}

/// Puts this program where the template's function has its code, and reads the template.
fn prepare(home: &Path) -> Result<Prepared, String> {
    let code = home.join("function");
    std::fs::create_dir_all(&code).map_err(|error| format!("{}: {error}", code.display()))?;
    let program = std::env::current_exe().map_err(|error| format!("this program's file: {error}"))?;
    let bootstrap = code.join("bootstrap");
    std::os::unix::fs::symlink(&program, &bootstrap)
        .map_err(|error| format!("{}: {error}", bootstrap.display()))?;
    deploy::prepare_text(orders::TEMPLATE, home)
}

async fn deploy_with(
    local: &Local,
    prepared: &Prepared,
    gateway: &str,
) -> Result<Vec<(String, String)>, String> {
    let deployment = Deployment {
        stack: STACK.to_owned(),
        template: "examples/orders/template.yaml".into(),
        parameters: vec![("PaymentGateway".to_owned(), gateway.to_owned())],
        tells: true,
    };
    deploy::deploy(local, &deployment, prepared).await?;
    deploy::outputs(local, STACK).await
}

async fn publish(
    publisher: &Publisher<EventBus>,
    order: Order,
    summary: &mut Summary,
) -> Result<String, String> {
    let event = put(publisher, &order).await.map_err(|error| error.to_string())?;
    summary.published += 1;
    say!("  {} {:<10} {:>8.2}  event {event}", order.order_id, order.status.as_str(), order.amount);
    Ok(event)
}

/// Tries an order that is not valid.
async fn refused(publisher: &Publisher<EventBus>) -> Result<(), String> {
    let wrong = Order { order_id: "99".to_owned(), ..order(99, "zoe", Status::Pending, -1.0) };
    match put(publisher, &wrong).await {
        Ok(_) => Err("an order that breaks the schema was published".to_owned()),
        Err(PublishError::Invalid(invalid)) => {
            say!("  {} {}", wrong.order_id, paint(Paint::Bad, "not published"));
            invalid.violations.iter().for_each(|violation| say!("      {violation}"));
            Ok(())
        }
        Err(other) => Err(other.to_string()),
    }
}

async fn pass(local: &Local, by: Duration, summary: &mut Summary) -> Result<(), String> {
    summary.skipped += by;
    let advanced = local.host().advance(by).await;
    advanced.map(drop).map_err(|_| "the demo's clock is virtual".to_owned())
}

/// How far the clock is advanced at a time, and how far at most.
const STRIDE: Duration = Duration::from_secs(30);
const STRIDES_MAX: u32 = 60;

/// Lets time pass until `holds`.
async fn pass_until(
    local: &Local,
    summary: &mut Summary,
    what: &str,
    holds: impl AsyncFn() -> Result<bool, String>,
) -> Result<(), String> {
    for stride in 0..STRIDES_MAX {
        if holds().await? {
            let after = STRIDE * stride;
            say!(
                "  {what}, {} min {:02} s later on the virtual clock",
                after.as_secs() / 60,
                after.as_secs() % 60
            );
            return Ok(());
        }
        pass(local, STRIDE, summary).await?;
    }
    Err(format!("not within {} minutes: {what}", (STRIDE * STRIDES_MAX).as_secs() / 60))
}

fn show_way(local: &Local, event: &str) -> Result<(), String> {
    let id = pontoon_core::ids::parse_uuid(event).ok_or("an event's id is a UUID")?;
    let records = local
        .host()
        .look(|engine| engine.traces().read(engine.store(), pontoon_core::TraceId(id)))
        .map_err(|error| error.message)?
        .ok_or_else(|| format!("no trace of event {event}"))?;
    say!("  {}", paint(Paint::Dim, event));
    for record in records {
        let record = serde_json::to_value(record).map_err(|error| error.to_string())?;
        say!("    {}", trace::line(&record).replace('\n', "\n    "));
    }
    Ok(())
}

async fn visible(local: &Local, url: &str) -> Result<usize, String> {
    let names = Some(vec!["ApproximateNumberOfMessages".to_owned()]);
    let get = sqs::GetQueueAttributesInput { queue_url: url.to_owned(), attribute_names: names };
    let output: sqs::GetQueueAttributesOutput =
        local.call(sqs::Request::GetQueueAttributes(get)).await.map_err(|error| error.message)?;
    let count = output.attributes.unwrap_or_default().remove("ApproximateNumberOfMessages");
    count.and_then(|count| count.parse().ok()).ok_or_else(|| "a queue that does not count".to_owned())
}

async fn state(local: &Local, system: &System) -> Result<String, String> {
    let names = Some(vec![system.of("Alarm")?.to_owned()]);
    let describe = cloudwatch::DescribeAlarmsInput { alarm_names: names, ..Default::default() };
    let output: cloudwatch::DescribeAlarmsOutput =
        local.call(cloudwatch::Request::DescribeAlarms(describe)).await.map_err(|error| error.message)?;
    let alarm = output.metric_alarms.unwrap_or_default().into_iter().next();
    alarm.and_then(|alarm| alarm.state_value).ok_or_else(|| "the alarm is gone".to_owned())
}

/// Receives and shows what the alerting topic told the operators; one of it must be the alarm's new state.
async fn show_alerts(local: &Local, system: &System, state: &str) -> Result<(), String> {
    let receive = sqs::ReceiveMessageInput {
        queue_url: system.of("Alerts")?.to_owned(),
        max_number_of_messages: Some(10),
        visibility_timeout: Some(43_200),
        ..Default::default()
    };
    let output: sqs::ReceiveMessageOutput =
        local.call(sqs::Request::ReceiveMessage(receive)).await.map_err(|error| error.message)?;
    let mut told = false;
    for message in output.messages.unwrap_or_default() {
        let envelope: Value = serde_json::from_str(&message.body.unwrap_or_default()).unwrap_or_default();
        let (subject, text) =
            (envelope["Subject"].as_str(), envelope["Message"].as_str().unwrap_or_default());
        let alarm: Value = serde_json::from_str(text).unwrap_or_default();
        told |= alarm["NewStateValue"].as_str() == Some(state);
        say!("  the operators are told: {}", paint(Paint::Warning, subject.unwrap_or(text)));
        if let Some(reason) = alarm["NewStateReason"].as_str() {
            say!("      {reason}");
        }
    }
    if told { Ok(()) } else { Err(format!("the alerting topic did not tell of {state}")) }
}

async fn redrive(local: &Local, system: &System) -> Result<(), String> {
    let start = sqs::StartMessageMoveTaskInput {
        source_arn: system.of("DeadLettersArn")?.to_owned(),
        ..Default::default()
    };
    let _: sqs::StartMessageMoveTaskOutput =
        local.call(sqs::Request::StartMessageMoveTask(start)).await.map_err(|error| error.message)?;
    say!("  redriving {}", system.of("DeadLettersArn")?);
    Ok(())
}

async fn rows(local: &Local, system: &System) -> Result<Vec<Vec<String>>, String> {
    let scan = dynamodb::ScanInput { table_name: system.of("Table")?.to_owned(), ..Default::default() };
    let output: dynamodb::ScanOutput =
        local.call(dynamodb::Request::Scan(scan)).await.map_err(|error| error.message)?;
    let text = |item: &std::collections::BTreeMap<String, dynamodb::AttributeValue>, name: &str| match item
        .get(name)
    {
        Some(dynamodb::AttributeValue::S(text)) => text.clone(),
        _ => String::new(),
    };
    let mut rows: Vec<Vec<String>> = output
        .items
        .unwrap_or_default()
        .iter()
        .map(|item| vec![format!("  {}", text(item, "orderId")), text(item, "status")])
        .collect();
    rows.sort();
    Ok(rows)
}

async fn expect_rows(local: &Local, system: &System, count: usize) -> Result<(), String> {
    let found = rows(local, system).await?.len();
    if found == count {
        Ok(())
    } else {
        Err(format!("the table should hold {count} orders and holds {found}"))
    }
}

async fn show_table(local: &Local, system: &System) -> Result<(), String> {
    say!("  the table {}:", system.of("Table")?);
    table(&rows(local, system).await?);
    Ok(())
}

async fn show_summary(local: &Local, system: &System, summary: &Summary) -> Result<(), String> {
    say!();
    let function = [("FunctionName", system.of("Function")?)];
    let queue = [("QueueName", "order-events-queue")];
    let letters = [("QueueName", "order-events-dlq")];
    let minutes = summary.skipped.as_secs() / 60;
    let mut lines = vec![
        vec!["  events published".to_owned(), summary.published.to_string()],
        vec!["  skipped on the virtual clock".to_owned(), format!("{minutes} min")],
    ];
    for (label, namespace, name, statistic, dimensions) in [
        ("messages sent to the queue", "AWS/SQS", "NumberOfMessagesSent", "Sum", &queue),
        ("messages received from it", "AWS/SQS", "NumberOfMessagesReceived", "Sum", &queue),
        (
            "dead letters at their highest",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "Maximum",
            &letters,
        ),
        ("function invocations", "AWS/Lambda", "Invocations", "Sum", &function),
        ("of which failed", "AWS/Lambda", "Errors", "Sum", &function),
        ("function duration, average ms", "AWS/Lambda", "Duration", "Average", &function),
    ] {
        let value = statistic_of(local, (namespace, name), statistic, dimensions).await?;
        lines.push(vec![
            format!("  {label}"),
            value.map_or_else(|| "none".to_owned(), |value| format!("{value:.1}")),
        ]);
    }
    table(&lines);
    Ok(())
}

async fn statistic_of(
    local: &Local,
    (namespace, name): (&str, &str),
    statistic: &str,
    dimensions: &[(&str, &str)],
) -> Result<Option<f64>, String> {
    let now = local.host().now();
    let dimension = |(name, value): &(&str, &str)| cloudwatch::Dimension {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let get = cloudwatch::GetMetricStatisticsInput {
        namespace: namespace.to_owned(),
        metric_name: name.to_owned(),
        dimensions: Some(dimensions.iter().map(dimension).collect()),
        start_time: now.before(Duration::from_secs(43_200)),
        end_time: now.after(Duration::from_secs(60)),
        period: 86_400,
        statistics: Some(vec![statistic.to_owned()]),
        ..Default::default()
    };
    let output: cloudwatch::GetMetricStatisticsOutput =
        local.call(cloudwatch::Request::GetMetricStatistics(get)).await.map_err(|error| error.message)?;
    let values = output.datapoints.unwrap_or_default().into_iter().filter_map(|point| match statistic {
        "Sum" => point.sum,
        "Maximum" => point.maximum,
        _ => point.average,
    });
    Ok(values.reduce(|a, b| if statistic == "Sum" { a + b } else { a.max(b) }))
}
