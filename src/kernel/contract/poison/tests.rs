//! Poisoned definitions, their disguises, and real servers that must pass.
