//! The order function, as `provided.al2023` starts it.

fn main() -> std::process::ExitCode {
    orders::function::main()
}
