//! The contract of a server: what it was reviewed to offer, held against what it offers now.
//!
//! [`surface`] is what a server says of itself; [`lock`] is a surface that somebody approved, as a file;
//! [`drift`] says what differs between two; [`published`] is what runs, with the [`schema`] of each tool;
//! [`replies`] looks at what comes back;
//! [`poison`] and [`redflags`] look for what a reviewer should see before approving. All of it is plain data and
//! functions of it: asking the server and reading the file are others' affairs.
pub mod drift;
pub mod lock;
pub mod poison;
pub mod published;
pub mod redflags;
pub mod replies;
pub mod schema;
pub mod surface;
pub mod widget;
