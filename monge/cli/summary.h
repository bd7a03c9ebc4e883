// The summary of a training, for people.
#pragma once

#include "monge/session/training.h"

namespace monge::cli {

/// Prints a few lines on stdout, at the end of a complete run.
void print_summary(const session::TrainResult& result);

}  // namespace monge::cli
