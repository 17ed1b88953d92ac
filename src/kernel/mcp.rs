//! MCP as a gateway sees it: revisions, the table of methods, header agreement, decoding.
pub mod decode;
pub mod headers;
pub mod method;
pub mod mirror;
pub mod revision;
pub mod spelling;
