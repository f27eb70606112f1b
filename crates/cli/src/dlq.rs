//! `pontoon dlq`: dead letters, on any SQS.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use aws_sdk_sqs::Client;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use pontoon::dead_letters::{self, DeadLetter, DeadLetters, Filter, Group, Redrive, Redriven};
use serde_json::{Value, json};

use crate::client::Target;
use crate::show::{Paint, paint, short_arn, table};

/// `pontoon dlq`.
#[derive(Debug, Args)]
pub struct Dlq {
    #[command(flatten)]
    target: Target,
    /// Ask AWS, with the environment's region and credentials, instead of a server.
    #[arg(long, global = true)]
    aws: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the queues that other queues' redrive policies name, with how many messages they hold.
    List,
    /// Show messages and why they are dead letters. Counts as a receive of each; on Pontoon, `pontoon sqs` looks without.
    Peek {
        /// URL or name of the dead-letter queue.
        queue: String,
        /// How many at most.
        #[arg(long, default_value_t = 10)]
        limit: usize,
    },
    /// Count messages by reason and event type. Counts as a receive of each.
    Group {
        /// URL or name of the dead-letter queue.
        queue: String,
        /// How many are looked at, at most.
        #[arg(long, default_value_t = 10_000)]
        limit: usize,
    },
    /// Send messages back to where they came from.
    Redrive(RedriveArgs),
    /// Send one message back as it is.
    Resend(ResendArgs),
    /// Send one message back with another body: from a file, or as $EDITOR leaves it.
    Edit {
        #[command(flatten)]
        resend: ResendArgs,
        /// The new body: a file, or - for standard input.
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
    },
    /// Delete messages for good.
    Delete {
        /// URL or name of the dead-letter queue.
        queue: String,
        #[command(flatten)]
        filter: FilterArgs,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct RedriveArgs {
    /// URL or name of the dead-letter queue.
    queue: String,
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many a second.
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// At most so many in all.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// URL or name of the queue to send to, instead of where they came from.
    #[arg(long, value_name = "QUEUE")]
    to: Option<String>,
    /// Only say what would be sent.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct ResendArgs {
    /// URL or name of the dead-letter queue.
    queue: String,
    /// The message's id.
    id: String,
    /// URL or name of the queue to send to, instead of where it came from.
    #[arg(long, value_name = "QUEUE")]
    to: Option<String>,
}

/// Which messages are meant; all if nothing is said.
#[derive(Debug, Args)]
struct FilterArgs {
    /// Only the message with this id; may be repeated.
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// Only those whose reason contains this text.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only events of this type.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only those sent before this instant (2026-01-31T12:00:00Z).
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
    /// Only those sent after this instant.
    #[arg(long, value_name = "TIME")]
    after: Option<Timestamp>,
}

impl FilterArgs {
    fn filter(&self) -> Filter {
        let filter = self.id.iter().fold(Filter::default(), |filter, id| filter.id(id));
        let filter = self.reason.iter().fold(filter, |filter, reason| filter.reason(reason));
        let filter = self.event_type.iter().fold(filter, |filter, name| filter.event_type(name));
        let filter = self.before.iter().fold(filter, |filter, before| filter.sent_before(*before));
        self.after.iter().fold(filter, |filter, after| filter.sent_after(*after))
    }
}

/// Runs `pontoon dlq`.
///
/// # Errors
/// What SQS says, in words.
pub async fn run(dlq: Dlq) -> Result<(), String> {
    let config = match dlq.aws {
        true => pontoon::aws::config().await,
        false => pontoon::aws::config_for(&dlq.target.endpoint),
    };
    let client = Client::new(&config);
    let shown = match dlq.command {
        Command::List => list(&client).await?,
        Command::Peek { queue, limit } => {
            let letters = dead(&client, &queue).await?.peek(limit).await.map_err(words)?;
            Shown {
                json: letters.iter().map(letter_json).collect(),
                rows: letters.iter().map(letter_row).collect(),
            }
        }
        Command::Group { queue, limit } => {
            let groups = dead(&client, &queue).await?.groups(limit).await.map_err(words)?;
            Shown {
                json: groups.iter().map(group_json).collect(),
                rows: groups.iter().map(group_row).collect(),
            }
        }
        Command::Redrive(redrive) => run_redrive(&client, redrive).await?,
        Command::Resend(resend) => run_resend(&client, resend, None).await?,
        Command::Edit { resend, body } => run_edit(&client, resend, body).await?,
        Command::Delete { queue, filter, yes } => run_delete(&client, &queue, &filter.filter(), yes).await?,
    };
    if dlq.target.json {
        println!("{}", shown.json);
    } else {
        table(&shown.rows);
    }
    Ok(())
}

/// An answer, for programs and for people.
struct Shown {
    json: Value,
    rows: Vec<Vec<String>>,
}

fn words(error: pontoon::handler::BoxError) -> String {
    error.to_string()
}

async fn url(client: &Client, queue: &str) -> Result<String, String> {
    dead_letters::queue_url(client, queue).await.map_err(words)
}

async fn dead(client: &Client, queue: &str) -> Result<DeadLetters, String> {
    Ok(DeadLetters::new(client.clone(), url(client, queue).await?))
}

async fn list(client: &Client) -> Result<Shown, String> {
    let queues = dead_letters::find(client).await.map_err(words)?;
    let row = |queue: &dead_letters::DeadLetterQueue| {
        let painted =
            paint(if queue.messages > 0 { Paint::Bad } else { Paint::Good }, &queue.messages.to_string());
        let sources: Vec<String> = queue.sources.iter().map(|arn| short_arn(arn)).collect();
        vec![queue.url.clone(), painted, format!("of {}", sources.join(", "))]
    };
    let json = queues
        .iter()
        .map(|queue| json!({ "url": queue.url, "messages": queue.messages, "sources": queue.sources }))
        .collect();
    Ok(Shown { json, rows: queues.iter().map(row).collect() })
}

fn letter_json(letter: &DeadLetter) -> Value {
    json!({
        "messageId": letter.message_id,
        "reason": letter.reason,
        "eventType": letter.event_type,
        "origin": letter.origin.to_string(),
        "sentAt": letter.sent_at.map(|at| at.to_string()),
        "receives": letter.receives,
        "body": letter.body,
    })
}

fn letter_row(letter: &DeadLetter) -> Vec<String> {
    vec![
        letter.message_id.clone(),
        letter.sent_at.map(|at| at.to_string()).unwrap_or_default(),
        letter.event_type.clone().unwrap_or_else(|| "?".to_owned()),
        paint(Paint::Bad, &letter.reason),
        paint(Paint::Dim, &letter.body),
    ]
}

fn group_json(group: &Group) -> Value {
    json!({
        "count": group.count,
        "reason": group.reason,
        "eventType": group.event_type,
        "oldest": group.oldest.map(|at| at.to_string()),
        "newest": group.newest.map(|at| at.to_string()),
        "example": group.example,
    })
}

fn group_row(group: &Group) -> Vec<String> {
    vec![
        group.count.to_string(),
        group.event_type.clone().unwrap_or_else(|| "?".to_owned()),
        paint(Paint::Bad, &group.reason),
        paint(Paint::Dim, &format!("e.g. {}", group.example)),
    ]
}

async fn run_redrive(client: &Client, args: RedriveArgs) -> Result<Shown, String> {
    let mut redrive = Redrive::new().only(args.filter.filter());
    redrive = args.rate.into_iter().fold(redrive, Redrive::per_second);
    redrive = args.limit.into_iter().fold(redrive, Redrive::at_most);
    if let Some(to) = &args.to {
        redrive = redrive.to(url(client, to).await?);
    }
    if args.dry_run {
        redrive = redrive.dry_run();
    }
    let redriven = dead(client, &args.queue).await?.redrive(&redrive).await.map_err(words)?;
    let Redriven { moved, targets, left, homeless, .. } = &redriven;
    let verb = if args.dry_run { "would be sent" } else { "sent" };
    let mut rows: Vec<Vec<String>> =
        targets.iter().map(|(url, count)| vec![format!("{count} {verb} to {url}")]).collect();
    if *moved == 0 {
        rows.push(vec![format!("nothing {verb}")]);
    }
    if *left > 0 {
        rows.push(vec![format!("{left} not meant, and left")]);
    }
    rows.extend(
        homeless
            .iter()
            .map(|(origin, count)| vec![format!("{count} left; name a queue with --to. Origin: {origin}")]),
    );
    let json = json!({ "moved": moved, "targets": targets, "left": left, "homeless": homeless, "dryRun": args.dry_run });
    Ok(Shown { json, rows })
}

async fn run_resend(client: &Client, args: ResendArgs, body: Option<&str>) -> Result<Shown, String> {
    let to = match &args.to {
        Some(to) => Some(url(client, to).await?),
        None => None,
    };
    dead(client, &args.queue).await?.resend(&args.id, body, to.as_deref()).await.map_err(words)?;
    Ok(Shown { json: json!({ "resent": args.id }), rows: vec![vec![format!("{} sent back", args.id)]] })
}

async fn run_edit(client: &Client, args: ResendArgs, body: Option<PathBuf>) -> Result<Shown, String> {
    let text = match body {
        Some(path) if path.as_os_str() == "-" => {
            std::io::read_to_string(std::io::stdin()).map_err(|error| format!("standard input: {error}"))?
        }
        Some(path) => {
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => {
            let letters = dead(client, &args.queue).await?.peek(usize::MAX).await.map_err(words)?;
            let found = letters.into_iter().find(|letter| letter.message_id == args.id);
            let letter = found.ok_or_else(|| format!("the message {} is not in {}", args.id, args.queue))?;
            edited(&letter.body)?
        }
    };
    run_resend(client, args, Some(&text)).await
}

/// The text as the user's editor leaves it; unchanged text is an error, for then nothing is to be sent.
fn edited(text: &str) -> Result<String, String> {
    let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR"));
    let editor = editor.map_err(|_| "set $EDITOR, or give the new body with --body FILE".to_owned())?;
    let path = std::env::temp_dir().join(format!("pontoon-dead-letter-{}.json", std::process::id()));
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::write(&path, text).map_err(failed)?;
    let status =
        std::process::Command::new("sh").arg("-c").arg(format!("{editor} \"$0\"")).arg(&path).status();
    let after = std::fs::read_to_string(&path);
    // What is left is in the machine's directory for temporary files, which is cleared anyway.
    let _ = std::fs::remove_file(&path);
    if !status.map_err(|error| format!("{editor}: {error}"))?.success() {
        return Err(format!("{editor} failed; nothing is sent"));
    }
    let after = after.map_err(failed)?;
    if after == text { Err("the body is as it was; nothing is sent".to_owned()) } else { Ok(after) }
}

async fn run_delete(client: &Client, queue: &str, filter: &Filter, yes: bool) -> Result<Shown, String> {
    let dead = dead(client, queue).await?;
    if !yes {
        let count =
            dead.peek(usize::MAX).await.map_err(words)?.iter().filter(|letter| filter.takes(letter)).count();
        confirm(&format!("Delete {count} messages of {queue} for good?"))?;
    }
    let deleted = dead.delete(filter).await.map_err(words)?;
    Ok(Shown { json: json!({ "deleted": deleted }), rows: vec![vec![format!("{deleted} deleted")]] })
}

/// Asks; anything but `yes` is a no, and so is nobody to ask.
fn confirm(question: &str) -> Result<(), String> {
    if !std::io::stdin().is_terminal() {
        return Err("nobody to ask; say --yes to delete without".to_owned());
    }
    eprint!("{question} Type yes: ");
    std::io::stderr().flush().map_err(|error| error.to_string())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| error.to_string())?;
    if answer.trim() == "yes" { Ok(()) } else { Err("nothing is deleted".to_owned()) }
}
