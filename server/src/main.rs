//! The program `wasm-gdbserver`.

use std::process::ExitCode;

use server::args::Arguments;

fn main() -> ExitCode {
    match Arguments::parse(std::env::args_os()) {
        Ok(arguments) => server::main(arguments),
        Err(error) => {
            // A closed standard stream is nobody's problem.
            let _unheard = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}
