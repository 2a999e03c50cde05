//! The link, the mux and the program at the place of the script.
