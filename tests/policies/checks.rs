//! What `check` prints for machines and for the manual.
