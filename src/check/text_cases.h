#pragma once

#include "check/kinds.h"

namespace calotype::checker {

/// `conditioning.json`: prompts to chunks, and to the embeddings of a small text tower.
void check_conditioning(const Request& request, Report& report);

}  // namespace calotype::checker
