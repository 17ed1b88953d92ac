//! What lies between a client and a server that cannot talk to each other as they are: one line for many
//! conversations, and the two eras of the protocol. Pure functions of a state and a message.
pub mod newer;
pub mod older;
pub mod params;
pub mod switchboard;
pub mod table;
pub mod text;

#[cfg(test)]
mod tests;
