//! What a server has published about its tools, and what is held against it.
pub mod schema;
