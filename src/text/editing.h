#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar.h"

namespace calotype {

/// A text, and the last step that it holds for; steps count from 1.
struct ScheduledText {
  int64_t last_step;
  std::string text;
};

struct EditingOptions {
  int64_t steps = 20;
  int64_t second_pass = 0;         ///< steps of a second pass; then it is that one that is scheduled, after `steps`
  bool fractions_below_1 = false;  ///< older habit: a number under 1 is a share of the steps, whatever its form
};

/// What a prompt says at each step, as the web interface has it: [from:to:when], [to:when], [from::when] and [a|b|..].
/// A `when` with a point is a share of the steps, any other a step; the switch comes after it. A text that does not
/// parse stays as it is. Entries ascend, the last one ends with the run. Throws `bad_input` where brackets nest deeper
/// than `kDeepestBrackets`, or the texts would take more than 16 MiB.
std::vector<ScheduledText> read_editing(std::string_view prompt, const EditingOptions& options,
                                        PromptNotes* notes = nullptr);

}  // namespace calotype
