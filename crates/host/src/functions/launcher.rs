//! Ties functions to Pontoon's life: however Pontoon ends, the kernel kills them.
//!
//! Only a process itself can ask for that (`PR_SET_PDEATHSIG`), between its start and that of the program it is to run, and running our code there in a child
//! takes code that Rust calls unsafe. So Pontoon's own executable is started first: it asks, and then becomes the function's program. Whoever embeds a
//! pool in another executable goes without; functions then end when they next talk to the Runtime API.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::exit;
use std::sync::{OnceLock, mpsc};
use std::thread;

use rustix::process::{Signal, getppid};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The first argument of an executable that is to become a function's program; the next are Pontoon's process id, the program and its arguments.
const ARGUMENT: &str = "--become-function";
/// What a shell answers when a program cannot be executed.
const EXIT_NOT_EXECUTABLE: i32 = 126;

static LAUNCHER: OnceLock<PathBuf> = OnceLock::new();

/// To be called first of all by an executable that opens function pools: makes it able to start functions that die with it. Does not return if the
/// process was started to become a function.
pub fn install() {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == ARGUMENT) {
        let error = become_program(arguments);
        eprintln!("{error}");
        exit(EXIT_NOT_EXECUTABLE);
    }
    if cfg!(target_os = "linux") {
        // The running executable, even if another has taken its place on disk meanwhile.
        LAUNCHER.get_or_init(|| PathBuf::from("/proc/self/exe"));
    }
}

/// Becomes the program in `arguments`; returns only if that fails.
fn become_program(mut arguments: impl Iterator<Item = OsString>) -> String {
    let parent = arguments.next().and_then(|pid| pid.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(program)) = (parent, arguments.next()) else {
        return format!("{ARGUMENT} takes a process id and a program");
    };
    if let Err(error) = die_with_parent(parent) {
        return format!("cannot be tied to the process that started it: {error}");
    }
    let error = replace(std::process::Command::new(&program).args(arguments));
    format!("fork/exec {}: {error}", program.display())
}

#[cfg(target_os = "linux")]
fn die_with_parent(parent: i32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before the kernel was told.
    match getppid() {
        Some(pid) if pid.as_raw_nonzero().get() == parent => Ok(()),
        _ => Err(io::Error::other("it is gone")),
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_parent: i32) -> io::Result<()> {
    Ok(())
}

fn replace(command: &mut std::process::Command) -> io::Error {
    use std::os::unix::process::CommandExt;
    command.exec()
}

/// Starts processes from a thread of its own. The kernel's promise is about the thread that started a process, so that thread must live as long as the pool.
pub(super) struct Spawner {
    orders: mpsc::Sender<Order>,
    launcher: Option<&'static PathBuf>,
}

struct Order {
    command: Command,
    done: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Must be called within a tokio runtime.
    pub(super) fn start() -> io::Result<Self> {
        let (orders, waiting) = mpsc::channel::<Order>();
        let runtime = Handle::current();
        thread::Builder::new().name("function-spawner".to_owned()).spawn(move || {
            let _guard = runtime.enter();
            for Order { mut command, done } in waiting {
                // A child that nobody waits for any more is killed when it is dropped.
                drop(done.send(command.spawn()));
            }
        })?;
        Ok(Self { orders, launcher: LAUNCHER.get() })
    }

    /// The command that runs `program`, through the launcher if there is one. Arguments may follow.
    pub(super) fn command(&self, program: &std::path::Path) -> Command {
        match self.launcher {
            Some(launcher) => {
                let mut command = Command::new(launcher);
                command.arg(ARGUMENT).arg(std::process::id().to_string()).arg(program);
                command
            }
            None => Command::new(program),
        }
    }

    pub(super) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (done, outcome) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts functions is gone");
        self.orders.send(Order { command, done }).map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}
