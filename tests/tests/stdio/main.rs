//! The calculator as editors run it: started by its client, which talks to it over its standard streams.

mod clients;
mod process;
