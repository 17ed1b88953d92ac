//! argv to exit code.

// A call makes some eighty small allocations and ten of one to eight kilobytes, which glibc's allocator joins and cuts
// again each time; musl's takes one lock for all.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    portcullis::cli::main()
}
