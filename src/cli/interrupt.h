#pragma once

namespace calotype::cli {

/// From now on the first SIGINT, SIGTERM or SIGHUP is only noted, and the second ends the process at once, temporary
/// files removed. A closed pipe and a file that may not grow become errors of the write instead of deadly signals.
void catch_signals();

bool interrupted();
/// 130, 143 or 129, once interrupted.
int interrupted_exit_code();
/// Throws `cancelled` once interrupted.
void stop_if_interrupted();

}  // namespace calotype::cli
