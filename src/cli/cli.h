#pragma once

namespace mayfly {

/// The client side of the program: everything but `serve` and the offline doctor, of which its --help tells all the
/// same. Answers the exit code, which is one of cli/exit_code.h or the command's own.
int run_cli(int argc, char** argv);

}  // namespace mayfly
