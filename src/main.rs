//! argv to exit code.

// musl's own allocator takes one lock for all. glibc's is as fast as this one here and keeps less.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    portcullis::cli::main()
}
