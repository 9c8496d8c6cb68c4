#include "text/embedded.h"

#include <cstdint>

// The assembler copies the file into read-only data, with its length before it. CALOTYPE_DATA is the data folder.
// clang-format off
#define CALOTYPE_EMBED(name, path)                                             \
  __asm__(".section .rodata,\"a\"\n"                                           \
          ".global " #name "_size, " #name "_data\n"                           \
          ".hidden " #name "_size, " #name "_data\n"                           \
          ".balign 8\n"                                                        \
          #name "_size: .quad " #name "_end - " #name "_data\n"                \
          #name "_data: .incbin \"" CALOTYPE_DATA "/" path "\"\n"              \
          #name "_end: .byte 0\n"                                              \
          ".previous\n");                                                      \
  extern "C" __attribute__((visibility("hidden"))) const uint64_t name##_size; \
  extern "C" __attribute__((visibility("hidden"))) const char name##_data[]
// clang-format on

CALOTYPE_EMBED(calotype_clip_merges, "clip/bpe_simple_vocab_16e6.txt.gz");
CALOTYPE_EMBED(calotype_named_characters, "html/named_characters.txt");

namespace calotype {

std::span<const std::byte> embedded_clip_merges() {
  return std::as_bytes(std::span(calotype_clip_merges_data, calotype_clip_merges_size));
}

std::string_view embedded_named_characters() {
  return {calotype_named_characters_data, calotype_named_characters_size};
}

}  // namespace calotype
