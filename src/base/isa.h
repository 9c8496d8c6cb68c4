#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace calotype {

/// The instruction sets that kernels are written for. Users' names are the same words.
enum class Isa { scalar, avx2, avx512, avx512_bf16, neon };

const char* name_of(Isa isa);
std::optional<Isa> isa_from(std::string_view name);

/// What this processor runs, worst first; `scalar` always.
std::vector<Isa> supported_isas();

/// The set in use: the best supported one, until `force_isa` says otherwise.
Isa isa();

/// Throws `bad_input` when this processor cannot run it. Not while kernels run.
void force_isa(Isa isa);

}  // namespace calotype
