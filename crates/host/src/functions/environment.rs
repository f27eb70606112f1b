//! The environment that a function's process gets: Lambda's reserved variables, the function's own, and where Pontoon is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use pontoon_core::work::FunctionSpec;

use super::FunctionCredentials;
use super::interpreter::{Entrypoint, Family};

/// What a process's environment depends on besides its specification.
pub(super) struct Surroundings<'a> {
    pub(super) task_root: &'a Path,
    pub(super) runtime_dir: &'a Path,
    pub(super) runtime_api: SocketAddr,
    pub(super) log_stream: &'a str,
    pub(super) endpoint_url: &'a str,
    pub(super) credentials: &'a FunctionCredentials,
    pub(super) entrypoint: &'a Entrypoint,
}

/// The whole environment of a process (recording `test_introspection_invoke`); nothing is inherited.
///
/// The function's variables may replace what Lambda lets them replace (`PATH`, `TZ`, `AWS_ENDPOINT_URL` and such), never a
/// reserved variable.
pub(super) fn of(spec: &FunctionSpec, around: &Surroundings<'_>) -> BTreeMap<String, String> {
    let mut variables = replaceable(spec, around);
    variables.extend(spec.environment.clone());
    variables.extend(reserved(spec, around));
    variables
}

/// The program that a function has its interpreter started with, `AWS_LAMBDA_EXEC_WRAPPER`. Programs of provided runtimes have none.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper>
pub(super) fn wrapper(spec: &FunctionSpec, task_root: &Path) -> Option<PathBuf> {
    let interpreted = Family::of(&spec.runtime).is_some_and(|family| family != Family::Provided);
    let wrapper =
        spec.environment.get("AWS_LAMBDA_EXEC_WRAPPER").filter(|path| interpreted && !path.is_empty())?;
    // The package is not unpacked where functions expect it.
    Some(match wrapper.strip_prefix("/var/task/") {
        Some(inner) => task_root.join(inner),
        None => PathBuf::from(wrapper),
    })
}

fn replaceable(spec: &FunctionSpec, around: &Surroundings<'_>) -> BTreeMap<String, String> {
    let task_root = around.task_root.display();
    let programs = around.entrypoint.program.parent().unwrap_or(Path::new("/usr/bin"));
    let mut variables = owned([
        ("AWS_ENDPOINT_URL", around.endpoint_url.to_owned()),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("LD_LIBRARY_PATH", format!("{task_root}:{task_root}/lib")),
        ("PWD", task_root.to_string()),
        ("TZ", ":UTC".to_owned()),
    ]);
    match Family::of(&spec.runtime) {
        Some(Family::Node) => {
            // Modules installed beside the interpreter stand in for those that the managed runtime brings.
            let modules = programs.parent().unwrap_or(programs).join("lib/node_modules");
            variables.insert("NODE_PATH".to_owned(), format!("{}:{task_root}", modules.display()));
        }
        Some(Family::Python) => {
            variables.insert("LC_CTYPE".to_owned(), "C.UTF-8".to_owned());
            variables.insert("PYTHONPATH".to_owned(), around.runtime_dir.display().to_string());
            // A local directory of code is the user's; do not litter it.
            variables.insert("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned());
        }
        Some(Family::Provided) | None => {}
    }
    let path = match Family::of(&spec.runtime) {
        Some(Family::Node | Family::Python) => format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()),
        Some(Family::Provided) | None => "/usr/local/bin:/usr/bin:/bin".to_owned(),
    };
    variables.insert("PATH".to_owned(), path);
    variables
}

fn reserved(spec: &FunctionSpec, around: &Surroundings<'_>) -> BTreeMap<String, String> {
    let mut variables = owned([
        ("AWS_ACCESS_KEY_ID", around.credentials.access_key_id.clone()),
        ("AWS_DEFAULT_REGION", spec.scope.region.to_string()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", spec.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", spec.version.clone()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", spec.log_group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", around.log_stream.to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", around.runtime_api.to_string()),
        ("AWS_REGION", spec.scope.region.to_string()),
        ("AWS_SECRET_ACCESS_KEY", around.credentials.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", around.credentials.session_token.clone()),
        ("LAMBDA_RUNTIME_DIR", around.runtime_dir.display().to_string()),
        ("LAMBDA_TASK_ROOT", around.task_root.display().to_string()),
        ("_HANDLER", spec.handler.clone()),
    ]);
    if Family::of(&spec.runtime) != Some(Family::Provided) {
        variables.insert("AWS_EXECUTION_ENV".to_owned(), format!("AWS_Lambda_{}", spec.runtime));
    }
    variables
}

fn owned<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
