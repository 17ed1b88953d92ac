//! stub
pub async fn run(_: bool, _: std::path::PathBuf) -> std::process::ExitCode { std::process::ExitCode::FAILURE }
