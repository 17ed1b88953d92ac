//! argv to exit code.

// The gateway allocates and frees across threads all day; glibc's arenas grow under that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    portcullis::cli::main()
}
