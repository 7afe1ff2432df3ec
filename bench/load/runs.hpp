// The modes; each returns the program's exit code.
#pragma once

#include "load/options.hpp"

namespace sluice::load {

int run_publish(const Options& options);  // window, rate, count
int run_idle(const Options& options);
int run_sink(const Options& options);

}  // namespace sluice::load
