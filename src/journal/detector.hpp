// Sees exceptions that PL/pgSQL handlers hide.
#pragma once

#include "pg/server.hpp"

namespace lifeguard::journal {

enum class Detector { in_place, chained, not_loaded };

// Whether PL/pgSQL calls us, as far as a pointer tells; monitoring.selftest() knows for sure.
Detector detector_state();

// Told of every error that reaches the log: what is kept as uncaught has not been hidden.
void saw_uncaught(const ErrorData &error);

// Installs the detector.
void init_detector();

} // namespace lifeguard::journal
